"""What all tests share: the numeric environment, tiers and their order, Hypothesis without chance or deadline."""
import fnmatch
import os
import signal

import pytest
from enpire_core import numerics
from hypothesis import settings

numerics.settle()

# On a loaded machine a deadline fails for no fault of the code, and a test
# that draws other examples each time can't be repeated.
settings.register_profile('project', deadline=None, derandomize=True)
settings.load_profile('project')

# Run by nohup or in the background of a script, signals are ignored, and every program that a test starts would
# inherit that. With a handler they are ignored here all the same, but not there: exec puts the default back.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

# Without a screen MuJoCo must be told, before it is imported (setup/env.sh does the same).
os.environ.setdefault('MUJOCO_GL', 'egl')

TIERS = ('unit', 'node', 'system')
# Of one test; pyproject.toml has that of the others.
SYSTEM_TIMEOUT_S = 400


def tier(item):
    """Return the tier of a test: by its marker, else by where it lives.

    A folder `system` holds system tests, a file `test_*node*.py` node tests.
    """
    for name in ('system', 'node'):
        if item.get_closest_marker(name):
            return name
    if 'system' in item.path.relative_to(item.config.rootpath).parent.parts:
        return 'system'
    return 'node' if fnmatch.fnmatch(item.path.name, 'test_*node*.py') else 'unit'


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark each test with its tier (for `-m`), and run the quick tiers first.

    Where pytest-xdist runs them side by side, file by file (`--dist loadfile`: the tests of one share a lab), system
    tests come first: they take longest.
    """
    tiers = {item: tier(item) for item in items}
    for item, name in tiers.items():
        item.add_marker(name)
        if name == 'system' and not item.get_closest_marker('timeout'):
            item.add_marker(pytest.mark.timeout(SYSTEM_TIMEOUT_S))
    side_by_side = hasattr(config, 'workerinput')
    items.sort(key=lambda item: TIERS.index(tiers[item]), reverse=side_by_side)
