"""What all tests share: their order, and Hypothesis without chance or deadline."""
from hypothesis import settings

# On a loaded machine a deadline fails for no fault of the code, and a test
# that draws other examples each time can't be repeated.
settings.register_profile('project', deadline=None, derandomize=True)
settings.load_profile('project')


def tier(item):
    """Return the place of a test in the order: unit tests, node tests, system tests."""
    if item.get_closest_marker('system'):
        return 2
    return 1 if item.get_closest_marker('node') else 0


def pytest_collection_modifyitems(items):
    """Run the quick tests first. Sorting is stable: within a tier the order stays."""
    items.sort(key=tier)
