"""Parameters of `trial_runner`. No ROS."""

from dataclasses import dataclass

from enpire_core.params import parameter
from enpire_research.crew_parameters import CrewParameters


@dataclass(frozen=True, kw_only=True)
class TrialRunnerParameters(CrewParameters):
    """Parameters of `trial_runner`."""

    policy: str = parameter(text='absolute path of the policy under trial')
    artifact: str = parameter('', 'absolute path of the ONNX file that the policy loads; empty: none')
    task: str = parameter('', 'task of the stations; empty: whatever they run')
    trials: int = parameter(1, 'how many trials to run', unit='1', ge=1, le=1_000_000)
