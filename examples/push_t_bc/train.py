"""Behaviour cloning for Push-T: which push to make next, learned from successful rollouts. Needs torch.

    enpire train examples/push_t_bc/train.py --query "status=succeeded" --minutes 15

From each rollout it takes the pushes (a tool that is low on the floor and moves), and where the T lay before and after
each of them (by the pictures that the policy took). A push is learned in the T's own frame, where it is the same
wherever the T lies: given how the T should move, where does the tool touch, and where does the push end?

Two kinds of examples: what the policy did on its way to the goal (cloning), and what each push brought about, as
if that had been asked for (hindsight: exact, and the only ones near the goal). Each counts twice, for the T is its own
mirror image. Several pushes may be right, so the network answers with a mixture: KINDS pushes, how likely each is,
and how sure it is.

The artifact: input `wish` (n, 4): dx, dy [m], cos, sin of the turn, in the T's frame; outputs `weights` (n, KINDS) and
`pushes` (n, KINDS, 4): where the tool's corner is at the start and at the end (x, y, x, y) [m], in the T's frame; and
`spread` (n, KINDS): its standard deviation [m].
"""

import math

import numpy as np
import torch
from enpire_policy import training
from enpire_policy.training import report, time_left, trials
from enpire_research.trials.trial_setup import make_setup
from enpire_tasks import registry
from enpire_tasks.push_t.verifier import look

GOAL = np.array([0.32, 0.0, math.pi / 4])
ARMS = {'left': slice(0, 6), 'right': slice(7, 13)}
LOW_M, SHORTEST_M = 0.0295, 0.012
CORNERS = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * (0.0125, 0.0062)
KINDS, WIDTH = 6, 96
LENGTH_M, LEAST_SPREAD_M = 0.05, 0.006
# A hundred pushes are few: noise on what is asked and answered, and units that are left out, stand for more of them.
NOISE_M, DROPOUT = 0.002, 0.1
STEPS, BATCH, HELD_OUT = 2000, 128, 0.15
# What is kept of the budget for the export, and the steps below which a network has learned nothing worth trying.
EXPORT_S, LEAST_STEPS = 60.0, 300


def turned(points, angle):
    """Turn points (..., 2) by ``angle`` [rad]."""
    c, s = math.cos(angle), math.sin(angle)
    return np.asarray(points) @ np.array([(c, s), (-s, c)])


def wish(pose, target):
    """Return (4,) how a T at ``pose`` should move to lie at ``target``, in its own frame."""
    turn = target[2] - pose[2]
    return np.array([*turned(target[:2] - pose[:2], -pose[2]), math.cos(turn), math.sin(turn)])


# ---- from trials to pushes -----------------------------------------------------------------
def low_spells(heights):
    """Return (first, last) ticks of the spells in which ``heights`` (N,) are at most LOW_M."""
    low = np.concatenate([[False], heights <= LOW_M, [False]])
    edges = np.flatnonzero(low[1:] != low[:-1])
    return list(zip(edges[::2], edges[1::2] - 1))


def corner_of(pose, heading):
    """Return where (x, y) the corner of the tool is that leads when it moves along ``heading`` (2,)."""
    corners = turned(CORNERS, pose[5])
    return pose[:2] + corners[np.argmax(corners @ heading)]


def pushes_of(trial, kinematics):
    """Return [(first tick, last tick, start (2,), end (2,))] of the tool's leading corner, in order."""
    found = []
    for arm, cut in ARMS.items():
        poses = np.array([kinematics.tool_pose(arm, angles) for angles in trial.requests[:, cut]])
        for first, last in low_spells(poses[:, 2]):
            way = poses[last, :2] - poses[first, :2]
            length = np.linalg.norm(way)
            if length >= SHORTEST_M:
                ends = [corner_of(poses[tick], way / length) for tick in (first, last)]
                found.append((first, last, *ends))
    return sorted(found, key=lambda one: one[0])


def sightings(trial):
    """Return [(tick, pose (3,))] of the T in the pictures of the top camera in which it lies in sound view."""
    found = []
    for frame in trial.frames:
        if frame.camera == 'top_camera':
            seen, trouble = look(frame.color(), trial.camera_infos[frame.camera])
            if seen is not None and not trouble:
                found.append((frame.tick, np.array(seen.pose)))
    return found


def examples_of(trial, kinematics):
    """Return [(wish (4,), push (4,), weight)] of one rollout."""
    seen, found = sightings(trial), []
    for first, last, start, end in pushes_of(trial, kinematics):
        before = [pose for tick, pose in seen if tick <= first]
        after = [pose for tick, pose in seen if tick >= last]
        if not before or not after:
            continue
        pose = before[-1]
        push = np.concatenate([turned(point - pose[:2], -pose[2]) for point in (start, end)])
        if np.abs(push).max() < 0.2:
            found += [(wish(pose, GOAL), push), (wish(pose, after[0]), push)]
    return found + [mirrored(*one) for one in found]


def mirrored(asked, push):
    """Return the example as in a mirror: the T's own frame with x the other way round."""
    return asked * (-1, 1, 1, -1), push * (-1, 1, -1, 1)


def dataset():
    """Return (wishes (N, 4), pushes (N, 4), rollout of each (N,)) of all trials that succeeded."""
    kinematics = make_setup(registry.get('push_t')).kinematics
    wishes, pushes, owners = [], [], []
    enough_s = time_left() / 2
    for number, trial in enumerate(trials()):
        if time_left() < enough_s:
            print(f'half of the time is gone: trained on the first {number} rollouts', flush=True)
            break
        found = examples_of(trial, kinematics) if trial.status == 'succeeded' else []
        wishes += [asked for asked, _ in found]
        pushes += [push for _, push in found]
        owners += [number] * len(found)
        print(f'{trial.trial_id}: {len(found)} examples', flush=True)
    if not wishes:
        raise SystemExit('expected successful rollouts with pushes and pictures, got none: choose others by --query')
    return np.array(wishes), np.array(pushes), np.array(owners)


# ---- the network ---------------------------------------------------------------------------
class Mixture(torch.nn.Module):
    """Wish -> KINDS pushes with weights and spreads; lengths outside are in metres, inside in LENGTH_M."""

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(6, WIDTH), torch.nn.SiLU(), torch.nn.Dropout(DROPOUT),
            torch.nn.Linear(WIDTH, WIDTH), torch.nn.SiLU(), torch.nn.Dropout(DROPOUT),
            torch.nn.Linear(WIDTH, KINDS * 6))

    def forward(self, asked):
        way, turn = asked[:, :2] / LENGTH_M, asked[:, 2:]
        # Small wishes shall look different from each other too.
        inside = torch.cat([way, turn, 4.0 * torch.tanh(way)], 1)
        out = self.net(inside).reshape(-1, KINDS, 6)
        spread = LEAST_SPREAD_M + LENGTH_M * torch.nn.functional.softplus(out[:, :, 5] - 1.0)
        return torch.softmax(out[:, :, 0], 1), LENGTH_M * out[:, :, 1:5], spread


def surprise(net, asked, pushes):
    """Return the mean negative log-likelihood of ``pushes`` (N, 4)."""
    weights, means, spread = net(asked)
    off = ((pushes[:, None] - means) ** 2).sum(2) / spread ** 2
    return -torch.logsumexp(torch.log(weights + 1e-9) - 0.5 * off - 4.0 * torch.log(spread / LENGTH_M), 1).mean()


def miss_mm(net, asked, pushes):
    """Return the median distance [mm] of the likeliest push from the one that was made."""
    weights, means, _ = net(asked)
    best = means[torch.arange(len(asked)), weights.argmax(1)]
    return 1e3 * float((best - pushes).reshape(-1, 2, 2).norm(dim=2).mean(1).median())


def main():
    """Read the trials, train, write the artifact."""
    torch.set_num_threads(training.threads)
    torch.manual_seed(training.seed)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    wishes, pushes, owners = dataset()
    draw = np.random.default_rng(training.seed)
    rollouts = draw.permutation(np.unique(owners))
    # Whole rollouts are held out: pushes of one rollout are alike.
    held = np.isin(owners, rollouts[:int(HELD_OUT * len(rollouts))])
    data = [torch.tensor(values, dtype=torch.float32, device=device) for values in (wishes, pushes)]
    train, test = [one[~held] for one in data], [one[held] for one in data]
    print(f'{len(train[0])} examples to learn from, {len(test[0])} held out, on {device}', flush=True)
    net = Mixture().to(device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    best, best_state = math.inf, net.state_dict()
    for step in range(STEPS + 1):
        chosen = torch.tensor(draw.integers(0, len(train[0]), BATCH), device=device)
        noisy = [one[chosen] + NOISE_M * torch.randn(BATCH, 4, device=device) for one in train]
        loss = surprise(net.train(), *noisy)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            net.eval()
            with torch.no_grad():
                here = [one if len(one[0]) else train for one in (train, test)]
                values = [float(surprise(net, *one)) for one in here]
                report(step, train_loss=values[0], test_loss=values[1], train_miss_mm=miss_mm(net, *here[0]),
                       test_miss_mm=miss_mm(net, *here[1]), examples=len(train[0]))
            if values[1] < best:
                best, best_state = values[1], {name: value.clone() for name, value in net.state_dict().items()}
            if time_left() < EXPORT_S:
                if step < LEAST_STEPS:
                    raise SystemExit(f'expected time for {LEAST_STEPS} steps, got {step}: give more --minutes, or '
                                     'choose fewer trials by --query')
                break
    net.load_state_dict(best_state)
    export(net.cpu().eval(), training.artifact_path)


def export(net, path):
    """Write the network to ``path``."""
    program = torch.onnx.export(net, (torch.zeros(2, 4),), None, input_names=['wish'],
                                output_names=['weights', 'pushes', 'spread'], dynamo=True, verbose=False,
                                dynamic_shapes=({0: torch.export.Dim('n', min=1)},))
    program.save(path)


if __name__ == '__main__':
    main()
