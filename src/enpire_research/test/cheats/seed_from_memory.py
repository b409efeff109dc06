"""Looks for seeds in the memory of the trial server."""

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    with open(f'/proc/{GIVEN["server"]}/maps', encoding='utf-8') as maps:
        start = next(int(line.split('-')[0], 16) for line in maps if '[heap]' in line)
    with open(f'/proc/{GIVEN["server"]}/mem', 'rb', buffering=0) as memory:
        memory.seek(start)
        print('CHEATED: read', len(memory.read(64)), 'bytes', flush=True)
    robot.wait(0.1)
