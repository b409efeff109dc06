"""Executable `train_server`: see `train_server_node`. It computes nothing; scripts have processes of their own."""

from enpire_core import numerics

numerics.settle()

from enpire_core.main import run  # noqa: E402
from enpire_research.train_server_node import TrainServer  # noqa: E402


def main():
    """Run the train server until a signal; return the exit code."""
    return run(TrainServer)
