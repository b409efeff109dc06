"""Says from the top camera whether the T is on its goal. Never sees anything but images. Pure.

An answer is given only for a T that is wholly seen, alone and flat; everything else is 'unknown', with
what was wrong. A T within the tolerance by more than the verifier's own error is a success. The figures
of its error and of its mistakes are in docs/results/push_t.json.

Not covered: an orange thing that is no T but has its shape; errors of the camera's intrinsics.
"""

import math

import numpy as np

from enpire_tasks.types import FAILURE, SUCCESS, UNKNOWN, Judgement, frames_digest

from . import geometry as g
from .marks import locate_camera
from .vision import blobs, fit_t, hidden_share

# By how much a pose measured here is off the truth at the 99.5th percentile: 0.37 mm and 0.13 degrees, on
# 400 poses at 640x480 by 20 stations with errors (`enpire_research.studies.push_t vision`). A success must
# be inside the tolerance by this much, and a little more.
POSITION_MARGIN = 0.00045
ANGLE_MARGIN = math.radians(0.20)

MAX_RMS = 0.0008
MAX_STRAIN = 0.012
MIN_SEEN = 0.85
FILLED = (0.90, 1.12)
MAX_STRAY = 0.03
START_POSITION_TOLERANCE = 0.010
START_ANGLE_TOLERANCE = math.radians(6.0)


def look(color, info):
    """Return (Sighting or None, trouble) for one image: ``trouble`` is '' where the sighting is sound.

    'gone' means: the tray is in clear view, and no T is on it.
    """
    camera = locate_camera(color, info)
    if camera is None:
        return None, 'fewer than 3 marks of the tray are seen'
    found = blobs(color, camera)
    if not found:
        if hidden_share(color, camera) > 0.02:
            return None, 'no T is seen, and part of the tray is hidden'
        return None, 'gone'
    if len(found) > 1 and found[1][0] > 0.25 and found[0][0] + found[1][0] > 1.15:
        return None, f'{len(found)} orange things are on the tray: expected one T'
    sighting = fit_t(color, camera, found[0][1])
    if sighting is None:
        return None, 'an orange thing is seen that is no T, or is mostly hidden'
    return sighting, _trouble(sighting)


def _trouble(sighting):
    if not sighting.seen >= MIN_SEEN or not FILLED[0] <= sighting.filled <= FILLED[1]:
        return (f'the T is partly hidden or tilted: {sighting.seen:.0%} of its outline is found, its area '
                f'is {sighting.filled:.2f} of what it should be')
    if not sighting.rms <= MAX_RMS:
        return (f'the outline does not fit: {1e3 * sighting.rms:.2f} mm rms where {1e3 * MAX_RMS:.1f} is '
                'allowed; the T may be tilted')
    if not sighting.strain <= MAX_STRAIN:
        return (f'the outline is stretched by {sighting.strain:.1%} where {MAX_STRAIN:.1%} is allowed: the T '
                'is tilted')
    if not sighting.stray <= MAX_STRAY:
        return 'there is more orange than one T has'
    if not g.inside_tray(sighting.pose, -0.004):
        return 'the T lies across the rim'
    return ''


def _judge_pose(pose, target, tolerances, margins, digest, sighting):
    distance, angle = g.pose_error(pose, target)
    measurements = {
        'x_m': pose[0], 'y_m': pose[1], 'yaw_rad': pose[2], 'position_error_m': distance,
        'angle_error_rad': angle, 'fit_rms_m': sighting.rms, 'outline_seen_share': sighting.seen,
        'outline_strain': sighting.strain}
    good = distance <= tolerances[0] - margins[0] and angle <= tolerances[1] - margins[1]
    text = (f'{1e3 * distance:.1f} mm and {math.degrees(angle):.1f} degrees off; '
            f'{1e3 * tolerances[0]:.0f} mm and {math.degrees(tolerances[1]):.0f} degrees are allowed')
    if not good and distance <= tolerances[0] and angle <= tolerances[1]:
        text += (f", less the verifier's own error of {1e3 * margins[0]:.2f} mm and "
                 f'{math.degrees(margins[1]):.2f} degrees')
    return Judgement(SUCCESS if good else FAILURE, float(np.clip(g.coverage(pose, target), 0.0, 1.0)),
                     text, measurements, digest)


def _judge(frame, info, target, tolerances, margins):
    digest = frames_digest([frame])
    sighting, trouble = look(frame.color, info)
    if trouble == 'gone':
        return Judgement(FAILURE, 0.0, 'gone: the tray is in clear view and no T is on it', {}, digest)
    if trouble:
        return Judgement(UNKNOWN, math.nan, trouble, {}, digest)
    return _judge_pose(sighting.pose, target, tolerances, margins, digest, sighting)


def judge_goal(frame, info):
    """Return the Judgement whether the T lies on the goal; the score is the covered share of its area.

    ``frame``: Frame of the top camera; ``info``: its nominal CameraInfo.
    """
    return _judge(frame, info, g.GOAL, (g.POSITION_TOLERANCE, g.ANGLE_TOLERANCE),
                  (POSITION_MARGIN, ANGLE_MARGIN))


def judge_start(frame, info, start):
    """Return the Judgement whether the T lies at ``start`` (x, y, yaw), within 10 mm and 6 degrees."""
    return _judge(frame, info, start, (START_POSITION_TOLERANCE, START_ANGLE_TOLERANCE), (0.0, 0.0))
