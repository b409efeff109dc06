"""Executable `trial_server`: see `trial_server_node`.

Sets the environment before anything heavy is imported: one thread for numeric libraries (pools of idle
threads cost memory, eight times over in a lab), and no OpenGL, for nothing is rendered here.
"""

import os

for _name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ.setdefault(_name, '1')
os.environ['MUJOCO_GL'] = 'disable'

from enpire_core.main import run  # noqa: E402
from enpire_research.trial_server_node import TrialServer  # noqa: E402


def main():
    """Run the trial server until a signal; return the exit code."""
    return run(TrialServer)
