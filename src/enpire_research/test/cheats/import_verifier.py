"""Takes the refusal of modules away and imports the tasks with their verifiers."""

import sys

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    sys.meta_path[:] = [one for one in sys.meta_path if getattr(one, '__name__', '') != 'NoRos']
    sys.path[:0] = GIVEN['paths']
    import enpire_tasks.registry
    print('CHEATED: has', enpire_tasks.registry.__file__, flush=True)
    robot.wait(0.1)
