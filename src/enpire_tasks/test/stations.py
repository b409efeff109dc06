"""A station of Push-T in this process, for tests: the direct runner with the T laid where a test wants it.

The direct runner is part of enpire_research, which depends on this package: so it can't be a test_depend.
"""

import math

from enpire_research.studies import push_t_measure
from enpire_research.trials.direct import DirectRunner
from enpire_tasks.push_t import geometry as g
from enpire_tasks.push_t.scene import OBJECT_JOINT, body_qpos


def runner(folder, unit='unit0', lab_seed=5):
    """Return a DirectRunner of Push-T on ``unit``, with the calibration errors of that station."""
    return DirectRunner.create('push_t', str(folder), unit=unit, lab_seed=lab_seed)


def hold(direct, seconds):
    """Let ``seconds`` of the station's clock pass, the arms holding: the T comes to rest, cameras see it."""
    push_t_measure.hold(direct.station, seconds)


def lay(direct, pose):
    """Lay the T flat at ``pose`` (x, y, yaw)."""
    direct.station.sim.world.set_object_pose(OBJECT_JOINT, body_qpos(pose))
    hold(direct, 0.1)


def drop(direct, qpos, seconds=1.5):
    """Let the T fall from ``qpos`` (7,), the arms holding, until it has come to rest."""
    direct.station.sim.world.set_object_pose(OBJECT_JOINT, qpos)
    hold(direct, seconds)


def truth(direct):
    """Return ((x, y, yaw), cosine of the tilt) of the T as it really lies."""
    x, y, _, qw, qx, qy, qz = direct.station.sim.world.object_pose(OBJECT_JOINT)
    yaw = math.atan2(2 * (qw * qz + qx * qy), 1 - 2 * (qy * qy + qz * qz))
    return (x, y, yaw), 1 - 2 * (qx * qx + qy * qy)


def done(direct):
    """Return True when the T really lies within the tolerance."""
    distance, angle = g.pose_error(truth(direct)[0])
    return distance <= g.POSITION_TOLERANCE and angle <= g.ANGLE_TOLERANCE
