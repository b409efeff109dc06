"""Parameters of every node that keeps stations at work. No ROS."""

from dataclasses import dataclass

from enpire_core.params import parameter


@dataclass(frozen=True, kw_only=True)
class CrewParameters:
    """What `research` and `trial_runner` have in common."""

    run_dir: str = parameter(text='folder of the run: results are written there, each unit has its own below it')
    units: tuple[str, ...] = parameter(text='names of the stations, in the order of the lab file')
    lab: str = parameter('lab', 'name of the lab')
    lab_seed: int = parameter(0, 'seed of the lab: the seeds of its trials are derived from it', unit='1', ge=0)
    simulated: bool = parameter(True, 'the stations are simulated ones')
    feedback_silence_s: float = parameter(15.0, 'wall time without feedback after which a goal is lost',
                                          ge=2.0, le=600.0)
    server_missing_s: float = parameter(30.0, 'wall time without its trial server after which a unit is out',
                                        ge=1.0, le=3600.0)

    def __post_init__(self):
        """Refuse a lab without stations, and a station twice."""
        if not self.units or len(set(self.units)) != len(self.units):
            raise ValueError(f'units: expected the names of the stations, each once, got {list(self.units)}')
