"""Executable `sim_station`: arm driver and camera driver of one simulated station, in one process.

Both nodes live in the executor's one thread and share one world: no lock, and nothing that happens
between two ticks depends on which of them came first.
"""

from enpire_core import numerics

numerics.settle()

from enpire_core.main import run  # noqa: E402

from enpire_drivers.arm.power import load_limits  # noqa: E402
from enpire_drivers.arm_driver_node import ArmDriver  # noqa: E402
from enpire_drivers.bench import Bench  # noqa: E402
from enpire_drivers.camera_driver_node import CameraDriver  # noqa: E402
from enpire_drivers.sim.station import open_station  # noqa: E402


def open_from_parameters(parameters, profiles):
    """Return the SimStation that the arm driver's ``parameters`` describe."""
    return open_station(parameters.scene, parameters.unit, parameters.lab_seed, profiles,
                        records_folder=parameters.records or None,
                        command_max_age_s=parameters.command_max_age_s, silence_s=parameters.silence_s,
                        power_limits=load_limits(parameters.robot_limits))


def make_nodes():
    """Return the two nodes in the order in which they come up."""
    bench = Bench(open_from_parameters)
    # The camera driver names the profiles in its constructor; the arm driver opens the world with them.
    return [ArmDriver(bench), CameraDriver(bench)]


def main():
    """Run the station until a signal; return the exit code."""
    return run(make_nodes, quick=True)
