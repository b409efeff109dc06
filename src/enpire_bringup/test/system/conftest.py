"""What the system tests share: a lab of real processes with a ROS domain of its own, and a watcher of it."""

import contextlib
import os
import sys

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from enpire_core.testing import Graph  # noqa: E402
from system_lab import LabProcess, built  # noqa: E402
from system_watcher import Watcher  # noqa: E402


@contextlib.contextmanager
def running_lab(folder, *words, overrides=None):
    """Yield (LabProcess, Watcher) of `enpire lab *words` with run folders in ``folder``; end both."""
    with Graph() as graph:
        with Watcher.in_graph(graph) as watcher:
            lab = LabProcess(folder, graph.domain_id, *words, overrides=overrides)
            try:
                yield lab, watcher
            finally:
                lab.kill()


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
