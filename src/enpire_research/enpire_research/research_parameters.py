"""Parameters of `research`. No ROS."""

import dataclasses
from dataclasses import dataclass

from enpire_core.params import parameter
from enpire_research.campaign.config import CampaignConfig
from enpire_research.crew_parameters import CrewParameters

# The defaults are the configuration's own.
_OWN = {field.name: field.default for field in dataclasses.fields(CampaignConfig)}


@dataclass(frozen=True, kw_only=True)
class ResearchParameters(CrewParameters):
    """Parameters of `research`; the campaign lies in `campaign` below run_dir.

    How a campaign's figures belong together CampaignConfig says and checks.
    """

    policy: str = parameter(text='absolute path of the start policy')
    task: str = parameter(text='task of the stations')
    scene: str = parameter('', 'folder of the compiled scene, for the manifest; empty: `scene` below run_dir')
    robot_limits: str = parameter('', "file of the robot's own limits; empty: the shipped one")
    task_limits: str = parameter('', "file of the limits by phase; empty: the task's own")
    researcher: str = parameter(_OWN['researcher'], 'who has the ideas', choices=('builtin',))
    trials: int = parameter(_OWN['trials'], 'budget of trials, the exam included; void ones do not count', unit='1',
                            ge=1, le=10**6)
    ideas_a_round: int = parameter(_OWN['ideas_a_round'], 'ideas that are screened together, at most', unit='1', ge=1,
                                   le=1000)
    screen_first: int = parameter(_OWN['screen_first'], 'resets on which each idea is screened', unit='1', ge=1,
                                  le=10**4)
    screen_second: int = parameter(_OWN['screen_second'], 'ideas of a round that go on to all screening resets',
                                   unit='1', ge=1, le=1000)
    screen_resets: int = parameter(_OWN['screen_resets'], 'screening resets, the same for every candidate', unit='1',
                                   ge=1, le=10**4)
    confirm_margin: int = parameter(_OWN['confirm_margin'], 'successes on the screening resets by which an idea must '
                                    'be ahead to be confirmed at once; above screen_resets: only at the end',
                                    unit='1', ge=1, le=10**4)
    confirm_resets: int = parameter(_OWN['confirm_resets'], 'pairs of trials of a confirmation, on fresh resets',
                                    unit='1', ge=1, le=10**4)
    alpha: float = parameter(_OWN['alpha'], 'level of the one-sided sign test of a confirmation', unit='1', ge=1e-6,
                             le=0.499)
    exam_resets: int = parameter(_OWN['exam_resets'], 'held-out resets of the final exam', unit='1', ge=1, le=10**4)
    secret_file: str = parameter('', 'file with the secret of the held-out resets (64 hex digits), to repeat a '
                                 'campaign; empty: a new secret')
    began_ns: int = parameter(0, 'wall clock when the lab was started, in ns: the scene of a reset before it is gone',
                              unit='1', ge=0)

    def __post_init__(self):
        """Refuse figures that don't belong together, too."""
        super().__post_init__()
        self.config()

    def config(self):
        """Return the CampaignConfig; ConfigError, a ValueError, for figures that don't belong together."""
        own = {name: getattr(self, name) for name in _OWN if hasattr(self, name)}
        return CampaignConfig(**{**own, 'task': self.task, 'seed': self.lab_seed})
