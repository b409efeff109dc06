"""What the trial core needs of a station, whether it is joined in this process or on the graph."""

from typing import Callable, Protocol

from enpire_core.types import CameraInfo, EpisodeEnd, EpisodeStart, Frame, JointCommand, JointState


class Cancelled(Exception):
    """Whoever asked for this phase asked for its end."""


class Refused(Exception):
    """The gate refused a request; the arms hold and one tick has passed.

    ``state``: the JointState after it; ``rule``, ``joint``, ``limit``, ``value``, ``unit``: as the gate
    says (NaN and '' where the rule has none).
    """

    def __init__(self, text, state, rule='', joint='', limit=float('nan'), value=float('nan'), unit=''):
        super().__init__(text)
        self.text, self.state, self.rule, self.joint = text, state, rule, joint
        self.limit, self.value, self.unit = limit, value, unit


class StationFault(Exception):
    """One of our own parts failed: driver, camera or gate silent, lockstep lost. The trial is void."""


class Latched(StationFault):
    """The gate is latched: nothing moves until an operator clears it. ``rule``: why it latched."""

    def __init__(self, text, rule=''):
        super().__init__(text)
        self.rule = rule


def never(*_):
    """Return that nobody has cancelled."""
    return False


class Station(Protocol):
    """One station. All but `waiting` may raise StationFault or Latched. Used by one thread at a time."""

    unit: str
    simulated: bool

    def wait_ready(self, cancelled: Callable) -> None:
        """Wait until every part of the station is there; Cancelled where ``cancelled()`` becomes true."""

    def begin(self, trial_id: str, phase: str) -> EpisodeStart:
        """Begin an episode for ``phase`` ('reset' or 'rollout'); the state before it is recorded."""

    def observe(self) -> JointState:
        """Return the measured state of the current tick."""

    def step(self, command: JointCommand) -> JointState:
        """Ask for ``command``, which answers the current state, and return the next state; or Refused."""

    def capture(self, camera: str) -> Frame:
        """Return the newest frame of ``camera`` at the current tick."""

    def camera_info(self, camera: str) -> CameraInfo:
        """Return the nominal camera; ValueError, naming the known ones, for an unknown one."""

    def camera_period(self, camera: str) -> int:
        """Return the ticks from one frame to the next; 0 where frames follow a clock of their own."""

    def cameras(self) -> tuple:
        """Return the names of the station's cameras."""

    def select_limits(self, profile: str) -> None:
        """Put a set of limits in force."""

    def waiting(self) -> None:
        """Say that we are alive while the policy thinks."""

    def put_back(self) -> bool:
        """Have a person put lost objects back to where they lay at first. False: nobody is at hand.

        Inside a reset's episode. In a simulation somebody always is, and it takes no time of the unit's clock.
        """

    def end(self, cut_off: str = '') -> EpisodeEnd:
        """End the episode under way. ``cut_off``: why it ends in the middle; '': it came to its end.

        The arms of an episode that was cut off may be moving: a simulated world then runs freely for 2 s, with
        the driver's own stop in force, before it stands still.
        """
