"""Parameters of `train_server`. No ROS."""

from dataclasses import dataclass

from enpire_core.params import parameter


@dataclass(frozen=True)
class TrainServerParameters:
    """Parameters of `train_server`."""

    run_dir: str = parameter(text="the run's folder: trials are read from it, training/ and artifacts lie in it")
    task: str = parameter('', 'task whose trials may be used; empty: a goal may name any')
    artifacts: str = parameter('', 'folder of the artifacts; empty: `artifacts` in run_dir')
    slots: int = parameter(1, 'trainings at a time', unit='1', ge=1, le=8)
    threads: int = parameter(1, 'CPU threads that a training is told to use', unit='1', ge=1, le=256)
    nice: int = parameter(10, 'how far a training stands back for the CPU: at 10 it gets a tenth of what a busy '
                          'process of the lab gets, at 19 a seventieth', unit='1', ge=0, le=19)
    time_budget_max_s: float = parameter(86400.0, 'longest time budget of a goal', ge=1.0, le=604800.0)
    memory_budget_max_bytes: int = parameter(64 << 30, 'largest memory budget of a goal', ge=1 << 20)
    feedback_rate_hz: float = parameter(4.0, 'feedback while nothing is reported, on wall time', ge=2.0, le=30.0)
