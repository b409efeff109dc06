"""Parameters of node `arm_driver`."""

import typing
from dataclasses import dataclass

from enpire_core.params import parameter
from enpire_core.ticks import TICK_S

SLOWEST = 0.01


@dataclass(frozen=True)
class ArmDriverParameters:
    """Parameters of `arm_driver`."""

    scene: str = parameter(text='folder of the compiled scene')
    unit: str = parameter('unit0', 'name of the station: its parameters are drawn from it, and frames '
                          'begin with it')
    lab_seed: int = parameter(0, 'seed of the lab: the parameters of its stations are drawn from it',
                              unit='1', ge=0)
    records: str = parameter('', 'folder for the state records, and for the mark of a power cut; made for its owner '
                             'alone; empty: none kept')
    real_time_factor: float = parameter(
        0.0, f'simulated seconds a wall second at most, {SLOWEST} or more, and a tick must stay shorter than '
        'silence_s; 0: as fast as it goes',
        unit='1', ge=0.0, le=100.0)
    silence_s: float = parameter(5.0, 'wall time without command or keep-alive that breaks an episode',
                                 ge=0.1, le=60.0)
    command_max_age_s: float = parameter(0.1, "age of a command on the unit's clock beyond which the "
                                         'arms hold', ge=0.034, le=0.5)
    robot_limits: str = parameter('', "file of the robot's own limits, for when the power is cut; empty: the shipped "
                                  'one')
    power_relay: typing.Tuple[str, ...] = parameter(
        (), "command, a word each, of a relay in the motors' supply; called with off or on, unit and reason besides; "
        'empty: there is none')
    power_relay_timeout_s: float = parameter(2.0, 'wall time that the relay command may take', ge=0.1, le=30.0)
    replay: bool = parameter(False, 'serve ~/restore_state; never in a lab')

    def __post_init__(self):
        """Refuse a factor so small that one tick would last as long as silence."""
        factor = self.real_time_factor
        if not (factor == 0.0 or factor >= SLOWEST):
            raise ValueError(f'real_time_factor: expected 0 or {SLOWEST} or more, got {factor}')
        if factor > 0.0 and not TICK_S / factor < self.silence_s:
            raise ValueError(f'real_time_factor: expected a tick shorter than silence_s ({self.silence_s:g} s), '
                             f'got {TICK_S / factor:.2f} s with {factor:g}: raise one of the two')
