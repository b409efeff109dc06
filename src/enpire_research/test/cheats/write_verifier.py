"""Replaces the verifier by one that says yes."""

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    with open(GIVEN['verifier'], 'w', encoding='utf-8') as verifier:
        verifier.write('def verify(robot): return True')
    print('CHEATED: wrote the verifier', flush=True)
    robot.wait(0.1)
