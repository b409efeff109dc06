"""Executable `trial_server`: see `trial_server_node`.

Sets the environment before anything heavy is imported: that of numeric libraries, and no OpenGL, for
nothing is rendered here.
"""

import os

from enpire_core import numerics

numerics.settle()
os.environ['MUJOCO_GL'] = 'disable'

from enpire_core.main import run  # noqa: E402
from enpire_research.trial_server_node import TrialServer  # noqa: E402


def main():
    """Run the trial server until a signal; return the exit code."""
    return run(TrialServer)
