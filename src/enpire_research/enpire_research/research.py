"""Executable `research`: see `research_node`.

Sets the environment before anything heavy is imported: that of numeric libraries, and no OpenGL, for
nothing is rendered here.
"""

import os

from enpire_core import numerics

numerics.settle()
os.environ['MUJOCO_GL'] = 'disable'

from enpire_core.main import run  # noqa: E402
from enpire_research.research_node import Research  # noqa: E402


def main():
    """Run the research node until the campaign is over or a signal comes; return the exit code."""
    return run(Research)
