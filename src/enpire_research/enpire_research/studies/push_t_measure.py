"""What the studies of Push-T measure, a row at a time: eyes, verdicts, resets from hard places, trials.

Each `*_row` is a pure function of its number (and policy): a row is a station with calibration errors of its
own. Trials go in chains of CHAIN on a fresh station, as a lab does: each reset but the first begins in the end
state of the trial before. Truth is read from the world after the verdict, for the comparison only.
"""

import functools
import math
import tempfile

import numpy as np
from enpire_core.seeds import derive
from enpire_core.ticks import TICK_RATE_HZ
from enpire_core.types import JointCommand
from enpire_drivers.sim.parameters import StationParameters
from enpire_drivers.sim.scene import build_scene
from enpire_drivers.sim.world import World
from enpire_research.trials.direct import DirectRunner
from enpire_research.trials.report import FAILED
from enpire_research.trials.rollout import NOT_JUDGED
from enpire_tasks import registry
from enpire_tasks.push_t import geometry as g
from enpire_tasks.push_t import verifier
from enpire_tasks.push_t.scene import OBJECT_JOINT, body_qpos
from enpire_tasks.push_t.start import draw_start
from enpire_tasks.types import FAILURE, SUCCESS, UNKNOWN
from scipy.spatial.transform import Rotation

TASK = 'push_t'
CHAIN = 10
STATION_FRAMES = 20
LAB_SEED = 20261124
SIZE = (640, 480)


def flat_pose(world):
    """Return (x, y, yaw, height of the centre above that of a flat T, cosine of the tilt): the truth."""
    x, y, z, qw, qx, qy, qz = world.object_pose(OBJECT_JOINT)
    yaw = math.atan2(2 * (qw * qz + qx * qy), 1 - 2 * (qy * qy + qz * qz))
    return x, y, yaw, z - g.FLOOR_Z - g.THICKNESS / 2, 1 - 2 * (qx * qx + qy * qy)


def truly_done(world):
    """Return True when the T really lies flat within the tolerance."""
    x, y, yaw, height, upright = flat_pose(world)
    distance, angle = g.pose_error((x, y, yaw))
    flat = abs(height) < 0.002 and upright > math.cos(math.radians(1.5))
    return bool(flat and distance <= g.POSITION_TOLERANCE and angle <= g.ANGLE_TOLERANCE)


# ---- eyes ------------------------------------------------------------------------------------


def random_pose(random):
    """Return a pose anywhere in the tray."""
    half = np.array(g.TRAY_SIZE) / 2
    while True:
        x, y = np.array(g.TRAY_CENTRE) + random.uniform(-half, half)
        pose = (float(x), float(y), float(random.uniform(-math.pi, math.pi)))
        if g.inside_tray(pose):
            return pose


def near_pose(random):
    """Return a pose within twice the tolerance of the goal, also beyond it in either way."""
    direction, reach = random.uniform(-math.pi, math.pi), random.uniform(0, 2 * g.POSITION_TOLERANCE)
    return (g.GOAL[0] + reach * math.cos(direction), g.GOAL[1] + reach * math.sin(direction),
            g.GOAL[2] + random.uniform(-2, 2) * g.ANGLE_TOLERANCE)


@functools.lru_cache(maxsize=1)
def _scene():
    return build_scene(registry.get(TASK).scene())


def _frames(index):
    """Yield (pose, frame, info) of STATION_FRAMES poses seen by station ``index``, half of them near the goal."""
    world = World(_scene(), StationParameters.draw(LAB_SEED, f'unit{index}'))
    random = np.random.default_rng(derive(LAB_SEED, 'frames', index))
    info = world.camera_info('top_camera', *SIZE)
    try:
        for k in range(STATION_FRAMES):
            pose = random_pose(random) if k % 2 else near_pose(random)
            world.set_object_pose(OBJECT_JOINT, body_qpos(pose))
            frame = world.render('top_camera', world.snapshot(), derive('stamp', index, k) >> 2, *SIZE)
            yield pose, frame, info
    finally:
        world.close()


def seen_error(frame, info, pose):
    """Return [mm, degrees] from ``pose`` to where the verifier sees the T; [None, None] where it can't tell."""
    sighting, trouble = verifier.look(frame.color, info)
    if trouble:
        return [None, None]
    distance, angle = g.pose_error(sighting.pose, pose)
    return [round(1e3 * distance, 4), round(math.degrees(angle), 4)]


def vision_row(index):
    """Measure the error of the fitted pose on the poses of station ``index``."""
    return {'errors_mm_deg': [seen_error(frame, info, pose) for pose, frame, info in _frames(index)]}


def verdicts_row(index):
    """Compare verdict and truth on the placed end states of station ``index``."""
    counts = {}
    for pose, frame, info in _frames(index):
        judgement = verifier.judge_goal(frame, info)
        distance, angle = g.pose_error(pose)
        done = distance <= g.POSITION_TOLERANCE and angle <= g.ANGLE_TOLERANCE
        key = f'{"done" if done else "not done"}: {judgement.answer}'
        counts[key] = counts.get(key, 0) + 1
    return counts


# ---- resets from hard states -----------------------------------------------------------------


def rim_row(chain):
    """Reset from CHAIN states in which the T was dropped onto and along the rim."""
    random = np.random.default_rng(derive(LAB_SEED, 'rim', chain))
    with tempfile.TemporaryDirectory() as folder:
        with DirectRunner.create(TASK, folder, unit=f'rim{chain}', lab_seed=LAB_SEED) as runner:
            return {'resets': [_rim_state(runner, random, CHAIN * chain + k) for k in range(CHAIN)]}


def _rim_state(runner, random, index):
    half, along = np.array(g.TRAY_SIZE) / 2, random.integers(2)
    off = random.uniform(-half, half)
    off[along] = random.choice((-1, 1)) * (half[along] - random.uniform(-0.01, 0.05))
    turn = Rotation.from_euler('ZYX', [random.uniform(-math.pi, math.pi), *random.uniform(-0.3, 0.3, 2)])
    world = runner.station.sim.world
    world.set_object_pose(OBJECT_JOINT, [*(off + g.TRAY_CENTRE), 0.07, *turn.as_quat(scalar_first=True)])
    hold(runner.station, 1.5)
    x, y, yaw, height, upright = flat_pose(world)
    kind = 'flat' if abs(height) < 0.001 and upright > 0.9995 else 'on the rim' if upright > 0.3 else 'on edge'
    if np.any(np.abs(np.array([x, y]) - g.TRAY_CENTRE) > half + 0.02) or height < -0.004:
        kind = 'outside'
    report = runner.reset(f'rim-{index:05d}', derive(LAB_SEED, 'rim start', index))
    return {'kind': kind, 'reset': by_the_arms(report), 'tries': report.tries, 'text': report.error_msg,
            'from': [round(float(v), 4) for v in (x, y, yaw)], 'height_mm': round(1e3 * height, 1)}


def by_the_arms(report):
    """Return the status of a reset for what the arms did: where a lost T was put back by hand, they failed."""
    return FAILED if report.put_back else report.status


def hold(station, seconds):
    """Let time pass, the arms holding."""
    station.begin('hold', 'reset')
    station.select_limits('reset')
    state = station.observe()
    positions = state.positions.copy()
    for _ in range(round(TICK_RATE_HZ * seconds)):
        state = station.step(JointCommand(state.stamp_ns, positions, np.zeros(len(positions))))
    station.end()


# ---- trials ----------------------------------------------------------------------------------


def trials_row(chain, policy):
    """Run CHAIN trials of the policy file ``policy`` on a fresh station, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        with DirectRunner.create(TASK, folder, unit=f'unit{chain}', lab_seed=LAB_SEED) as runner:
            return {'trials': [_trial(runner, CHAIN * chain + k, policy) for k in range(CHAIN)]}


def _trial(runner, index, policy):
    world = runner.station.sim.world
    reset, rollout = runner.trial(index, policy)
    row = {'index': index, 'reset': by_the_arms(reset), 'tries': reset.tries,
           'reset_s': round((reset.end_ns - reset.start_ns) / 1e9, 2), 'reset_text': reset.error_msg}
    if rollout is not None:
        x, y, yaw, height, upright = flat_pose(world)
        distance, angle = g.pose_error((x, y, yaw))
        info = world.camera_info('top_camera', *SIZE)
        frame = world.render('top_camera', world.snapshot(), rollout.end_ns, *SIZE)
        row |= {'rollout': rollout.status, 'answer': _answer(rollout, frame, info),
                'seen_mm_deg': seen_error(frame, info, (x, y, yaw)),
                'code': rollout.error_code, 'text': rollout.error_msg,
                'rollout_s': round((rollout.end_ns - rollout.start_ns) / 1e9, 2),
                'score': None if math.isnan(rollout.score) else round(rollout.score, 4),
                'reason': rollout.attempts[-1].reason if rollout.attempts else '',
                'truly_done': truly_done(world), 'error_mm': round(1e3 * distance, 3),
                'error_deg': round(math.degrees(angle), 3), 'raised_mm': round(1e3 * height, 2),
                'tilt_deg': round(math.degrees(math.acos(min(1.0, max(-1.0, upright)))), 2)}
    elif reset.status != 'succeeded':
        row['pose'] = [round(float(v), 4) for v in flat_pose(world)]
        row['wanted'] = [round(v, 4) for v in draw_start(reset.seed)]
    return row


def _answer(rollout, frame, info):
    """Return the verifier's answer; where a policy failed by itself, that of another look at the same scene."""
    if rollout.error_code == 0:
        return SUCCESS if rollout.status == 'succeeded' else FAILURE
    return UNKNOWN if rollout.error_code == NOT_JUDGED else verifier.judge_goal(frame, info).answer
