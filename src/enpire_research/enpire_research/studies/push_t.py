"""Measures Push-T by the direct runner: eyes, resets, verdicts, policies.

    python -m enpire_research.studies.push_t vision --n 400
    python -m enpire_research.studies.push_t verdicts --n 600
    python -m enpire_research.studies.push_t rim --n 200
    python -m enpire_research.studies.push_t trials --n 100 --policy start
    python -m enpire_research.studies.push_t trials --n 100 --policy PATH --name reference
    python -m enpire_research.studies.push_t show
    python -m enpire_research.studies.push_t page        # writes docs/push_t.md

Resumable: what docs/results/push_t.json has for the same scene, task and limits is not measured again.
`trials` goes in chains of CHAIN trials on a fresh station, as a lab does: each reset begins in the end
state of the trial before. Truth is read from the world after the verdict, for the comparison only.
"""

import argparse
import json
import math
import os
import sys
import tempfile

import numpy as np
from enpire_core.files import sha256_file
from enpire_core.seeds import derive
from enpire_core.ticks import TICK_RATE_HZ
from enpire_core.types import JointCommand
from enpire_drivers.sim.parameters import StationParameters
from enpire_drivers.sim.scene import build_scene
from enpire_drivers.sim.world import World
from enpire_research.studies.push_t_page import page
from enpire_research.studies.results import Results, share, task_hash
from enpire_research.trials.direct import DirectRunner
from enpire_tasks import registry
from enpire_tasks.push_t import geometry as g
from enpire_tasks.push_t import verifier
from enpire_tasks.push_t.scene import OBJECT_JOINT, body_qpos
from enpire_tasks.push_t.start import draw_start
from scipy.spatial.transform import Rotation

CHAIN = 10
STATION_FRAMES = 20
LAB_SEED = 20261124
SIZE = (640, 480)
DEFAULT_PATH = os.path.join('docs', 'results', 'push_t.json')
PAGE = os.path.join('docs', 'push_t.md')


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


def _frames(scene, index):
    """Yield (name, pose, frame, info) of STATION_FRAMES random poses seen by station ``index``."""
    world = World(scene, StationParameters.draw(LAB_SEED, f'unit{index}'))
    random = np.random.default_rng(derive(LAB_SEED, 'frames', index))
    info = world.camera_info('top_camera', *SIZE)
    try:
        for k in range(STATION_FRAMES):
            pose = random_pose(random) if k % 2 else near_pose(random)
            world.set_object_pose(OBJECT_JOINT, body_qpos(pose))
            frame = world.render('top_camera', world.snapshot(), derive('stamp', index, k) >> 2, *SIZE)
            yield f'station {index}', pose, frame, info
    finally:
        world.close()


def vision(scene, results, n):
    """Measure the error of the fitted pose on ``n`` or a few more random poses."""
    index = 0
    while STATION_FRAMES * index < n:
        name = f'station {index}'
        if name not in results.rows:
            errors = []
            for _, pose, frame, info in _frames(scene, index):
                sighting, trouble = verifier.look(frame.color, info)
                if trouble:
                    errors.append([None, None])
                    continue
                distance, angle = g.pose_error(sighting.pose, pose)
                errors.append([round(1e3 * distance, 4), round(math.degrees(angle), 4)])
            results.add(name, {'errors_mm_deg': errors})
        index += 1


def verdicts(scene, results, n):
    """Compare verdict and truth on ``n`` or a few more placed end states, half of them near the goal."""
    index = 0
    while STATION_FRAMES * index < n:
        name = f'station {index}'
        if name not in results.rows:
            counts = {}
            for _, pose, frame, info in _frames(scene, index):
                judgement = verifier.judge_goal(frame, info)
                distance, angle = g.pose_error(pose)
                done = distance <= g.POSITION_TOLERANCE and angle <= g.ANGLE_TOLERANCE
                key = f'{"done" if done else "not done"}: {judgement.answer}'
                counts[key] = counts.get(key, 0) + 1
            results.add(name, counts)
        index += 1


# ---- resets from hard states -----------------------------------------------------------------


def rim(task, results, n):
    """Reset from ``n`` states in which the T was dropped onto and along the rim."""
    for chain in range(math.ceil(n / CHAIN)):
        name = f'chain {chain}'
        if name in results.rows:
            continue
        random = np.random.default_rng(derive(LAB_SEED, 'rim', chain))
        with tempfile.TemporaryDirectory() as folder:
            with DirectRunner.create(task.name, folder, unit=f'rim{chain}', lab_seed=LAB_SEED) as runner:
                rows = [_rim_state(runner, random, CHAIN * chain + k) for k in range(CHAIN)]
        results.add(name, {'resets': rows})


def _rim_state(runner, random, index):
    half, along = np.array(g.TRAY_SIZE) / 2, random.integers(2)
    off = random.uniform(-half, half)
    off[along] = random.choice((-1, 1)) * (half[along] - random.uniform(-0.01, 0.05))
    turn = Rotation.from_euler('ZYX', [random.uniform(-math.pi, math.pi), *random.uniform(-0.3, 0.3, 2)])
    world = runner.station.sim.world
    world.set_object_pose(OBJECT_JOINT, [*(off + g.TRAY_CENTRE), 0.07, *turn.as_quat(scalar_first=True)])
    _hold(runner.station, 1.5)
    x, y, yaw, height, upright = flat_pose(world)
    kind = 'flat' if abs(height) < 0.001 and upright > 0.9995 else 'on the rim' if upright > 0.3 else 'on edge'
    if np.any(np.abs(np.array([x, y]) - g.TRAY_CENTRE) > half + 0.02) or height < -0.004:
        kind = 'outside'
    report = runner.reset(f'rim-{index:05d}', derive(LAB_SEED, 'rim start', index))
    return {'kind': kind, 'reset': report.status, 'tries': report.tries, 'text': report.error_msg,
            'from': [round(float(v), 4) for v in (x, y, yaw)], 'height_mm': round(1e3 * height, 1)}


def _hold(station, seconds):
    """Let time pass, the arms holding."""
    station.begin('hold', 'reset')
    station.select_limits('reset')
    state = station.observe()
    positions = state.positions.copy()
    for _ in range(round(TICK_RATE_HZ * seconds)):
        state = station.step(JointCommand(state.stamp_ns, positions, np.zeros(len(positions))))
    station.end()


# ---- trials ----------------------------------------------------------------------------------


def trials(task, results, n, policy):
    """Run ``n`` trials (rounded up to chains) of the policy file ``policy``."""
    for chain in range(math.ceil(n / CHAIN)):
        name = f'chain {chain}'
        if name in results.rows:
            continue
        with tempfile.TemporaryDirectory() as folder:
            with DirectRunner.create(task.name, folder, unit=f'unit{chain}', lab_seed=LAB_SEED) as runner:
                rows = [_trial(runner, CHAIN * chain + k, policy) for k in range(CHAIN)]
        results.add(name, {'trials': rows})
        sys.stderr.write(f'{name}: {[row.get("rollout", row["reset"]) for row in rows]}\n')


def _trial(runner, index, policy):
    world = runner.station.sim.world
    reset, rollout = runner.trial(index, policy)
    row = {'index': index, 'reset': reset.status, 'tries': reset.tries,
           'reset_s': round((reset.end_ns - reset.start_ns) / 1e9, 2), 'reset_text': reset.error_msg}
    if rollout is not None:
        x, y, yaw, height, upright = flat_pose(world)
        distance, angle = g.pose_error((x, y, yaw))
        row |= {'rollout': rollout.status, 'code': rollout.error_code, 'text': rollout.error_msg,
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


# ---- summaries -------------------------------------------------------------------------------


def show_vision(rows):
    """Return lines about the study `vision`."""
    pairs = [pair for row in rows.values() for pair in row['errors_mm_deg']]
    found = np.array([pair for pair in pairs if pair[0] is not None])
    lines = [f'poses {len(pairs)}, not told {len(pairs) - len(found)}']
    for column, unit in ((0, 'mm'), (1, 'degrees')):
        median, high = np.percentile(found[:, column], [50, 99.5])
        lines.append(f'error: median {median:.2f} {unit}, 99.5th percentile {high:.2f} {unit}, '
                     f'largest {found[:, column].max():.2f} {unit}')
    return lines


def show_verdicts(rows):
    """Return lines about the study `verdicts`."""
    total = {}
    for row in rows.values():
        for key, count in row.items():
            total[key] = total.get(key, 0) + count
    return [f'{key}: {total[key]}' for key in sorted(total)]


def show_rim(rows):
    """Return lines about the study `rim`."""
    every = [reset for row in rows.values() for reset in row['resets']]
    lines = []
    for kind in sorted({reset['kind'] for reset in every}):
        of_kind = [reset for reset in every if reset['kind'] == kind]
        for tries in (1, 3):
            done = sum(r['reset'] == 'succeeded' and r['tries'] <= tries for r in of_kind)
            lines.append(f'{kind}, done by try {tries}: {share(done, len(of_kind))}')
    return lines


def show_trials(rows):
    """Return lines about a study `trials ...`."""
    every = [trial for row in rows.values() for trial in row['trials']]
    n, judged = len(every), [t for t in every if t.get('rollout') in ('succeeded', 'failed')]
    lines = []
    for tries in (1, 2, 3):
        done = sum(t['reset'] == 'succeeded' and t['tries'] <= tries for t in every)
        lines.append(f'resets done by try {tries}: {share(done, n)}')
    lines.append(f'rollouts succeeded: {share(sum(t["rollout"] == "succeeded" for t in judged), len(judged))}')
    lines.append(f'void: {sum(t.get("rollout") == "void" or t["reset"] == "void" for t in every)}, '
                 f'refused by the gate: {sum(t["code"] == 212 for t in judged)}')
    for verdict in ('succeeded', 'failed'):
        for truth in (True, False):
            count = sum(t['rollout'] == verdict and t['truly_done'] is truth for t in judged)
            lines.append(f'{"truly done" if truth else "truly not done"}, verdict {verdict}: {count}')
    lines.append(f'mean seconds: reset {np.mean([t["reset_s"] for t in every]):.1f}, '
                 f'rollout {np.mean([t["rollout_s"] for t in judged]):.1f}')
    return lines


def summaries(path, key):
    """Return name -> lines about each study of this hash."""
    with open(path, encoding='utf-8') as handle:
        studies = json.load(handle).get(key, {})
    how = {'vision': show_vision, 'verdicts': show_verdicts, 'rim': show_rim}
    return {name: how.get(name, show_trials)(rows) for name, rows in studies.items()}


def show(path, key):
    """Return lines about all studies of this hash."""
    lines = [f'task and scene {key[:16]}']
    for name, about in sorted(summaries(path, key).items()):
        lines += [f'{name}:', *(f'  {line}' for line in about)]
    return lines


def main(arguments=None):
    """Measure, or show what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('study', choices=('vision', 'verdicts', 'rim', 'trials', 'show', 'page'))
    parser.add_argument('--n', type=int, default=100, help='how many frames or trials there shall be')
    parser.add_argument('--policy', default='start', help="'start' or the path of a policy file")
    parser.add_argument('--name', default='', help='name of the policy in the results')
    parser.add_argument('--results', default=DEFAULT_PATH, help='the JSON file')
    options = parser.parse_args(arguments)
    if options.n < 1:
        parser.error(f'--n: expected 1 or more, got {options.n}')
    task = registry.get('push_t')
    scene = build_scene(task.scene())
    key = task_hash(task, scene.meta.digest)
    if options.study in ('vision', 'verdicts'):
        measure = {'vision': vision, 'verdicts': verdicts}[options.study]
        measure(scene, Results(options.results, key, options.study), options.n)
    elif options.study == 'rim':
        rim(task, Results(options.results, key, 'rim'), options.n)
    elif options.study == 'trials':
        policy = task.start_policy if options.policy == 'start' else os.path.abspath(options.policy)
        name = options.name or os.path.splitext(os.path.basename(policy))[0]
        study = f'trials of {name} ({sha256_file(policy)[:8]})'
        trials(task, Results(options.results, key, study), options.n, policy)
    elif options.study == 'page':
        with open(PAGE, 'w', encoding='utf-8') as handle:
            handle.write(page(key, summaries(options.results, key)))
    sys.stdout.write('\n'.join(show(options.results, key)) + '\n')


if __name__ == '__main__':
    main()
