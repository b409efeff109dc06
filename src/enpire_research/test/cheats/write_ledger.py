"""Writes a line of its own into the ledger."""

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    with open(GIVEN['ledger'], 'a', encoding='utf-8') as ledger:
        ledger.write('{"status": "succeeded"}')
    print('CHEATED: wrote the ledger', flush=True)
    robot.wait(0.1)
