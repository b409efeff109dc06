"""What the system tests share: a lab of real processes with a ROS domain of its own, and a watcher of it."""

import contextlib
import os
import sys

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from system_lab import built, running_lab  # noqa: E402


@pytest.fixture(scope='session', autouse=True)
def workspace():
    """Skip where the workspace is not built: these tests start installed executables."""
    missing = built()
    if missing:
        pytest.skip(missing)


@pytest.fixture
def start_lab(tmp_path):
    """Return a function that starts a lab: words of `enpire lab`, ``overrides`` of parameters."""
    with contextlib.ExitStack() as stack:
        def start(*words, overrides=None):
            return stack.enter_context(running_lab(tmp_path, *words, overrides=overrides))
        yield start
