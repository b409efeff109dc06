"""Parameters of the safety gate. Pure."""

from dataclasses import dataclass, fields

from enpire_core.params import parameter
from enpire_safety.gate.rule import Settings


@dataclass(frozen=True)
class GateParameters:
    """All of them are read once, at the start."""

    robot_limits: str = parameter(text='file with the limits of the robot')
    run_dir: str = parameter(text='folder of this run and unit: a gate that follows a dead one in it starts latched')
    unit: str = parameter('unit0', 'name of the station: frames of markers carry it')
    task_limits: str = parameter('', 'file with the narrower profiles of the task; empty: one profile `robot`')
    simulated: bool = parameter(
        False, 'lockstep: the clock is the stamp of the newest joint state, and a request must answer that state')
    request_age_max_s: float = parameter(0.1, 'oldest request that is decided', ge=0.01, le=1.0)
    state_age_max_s: float = parameter(
        0.1, 'oldest joint state that a request is checked against, and how far its stamp may be ahead of the newest',
        ge=0.01, le=1.0)
    request_silence_max_s: float = parameter(
        0.1, 'the gate holds when the clock runs on for so long without a request', ge=0.05, le=1.0)
    request_rate_max_hz: float = parameter(
        120.0, 'requests that are decided in a second of the clock; a policy asks at 30 Hz', ge=30.0, le=500.0)
    limits_age_max_s: float = parameter(
        300.0, 'the gate holds when a set of limits has been in force for so long: whoever selected it may be dead',
        ge=1.0, le=3600.0)
    driver_silence_max_s: float = parameter(
        5.0, 'the gate latches after so much wall time without a joint state; on a simulated unit also the wait for '
        'the joint state of a request', ge=0.5, le=30.0)
    measured_tolerance_rad: float = parameter(
        0.01, 'how far beyond a hard limit an arm joint may be measured', ge=0.0, le=0.05)
    measured_tolerance_m: float = parameter(
        0.002, 'how far beyond a hard limit a gripper may be measured', ge=0.0, le=0.005)
    state_rate_hz: float = parameter(5.0, 'how often the state is sent again', ge=1.0, le=20.0)
    marker_rate_hz: float = parameter(2.0, 'how often markers are sent where somebody looks', ge=0.1, le=10.0)

    @property
    def settings(self):
        """What the core needs of them."""
        shared = {field.name: getattr(self, field.name) for field in fields(Settings) if field.name != 'lockstep'}
        return Settings(lockstep=self.simulated, **shared)

    @property
    def wait_max_s(self):
        """Wall seconds that a request may wait for the joint state that it answers.

        A simulated clock stands still meanwhile, and a loaded machine must not turn into a refusal.
        """
        return self.driver_silence_max_s if self.simulated else self.state_age_max_s
