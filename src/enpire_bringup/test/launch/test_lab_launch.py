"""Runs lab_launch.py with the official launch_testing; skipped where that is not installed.

In a process of its own, not by launch_testing's pytest plug-in: that one imports every test file in the old
way, in which no two may have the same name, and does not work with pytest 9.
"""

import importlib.util
import pathlib
import subprocess
import sys

import pytest

SECONDS = 600


@pytest.mark.system
@pytest.mark.timeout(SECONDS + 30)
@pytest.mark.skipif(importlib.util.find_spec('launch_testing') is None,
                    reason='the official launch_testing is not installed here')
def test_a_lab_under_the_official_launch_does_what_one_under_the_command_does():
    # The official `launch_test` would take the Python of the system, which has not all packages.
    done = subprocess.run(
        [sys.executable, '-m', 'launch_testing.launch_test',
         str(pathlib.Path(__file__).with_name('lab_launch.py'))],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout[-20000:]
