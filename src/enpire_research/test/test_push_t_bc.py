"""The worked example of training, examples/push_t_bc: what it learns from, its export, its policy's geometry."""

import importlib.util
import math
import pathlib
import random

import numpy as np
import pytest
from enpire_policy import artifact

EXAMPLE = pathlib.Path(__file__).resolve().parents[3] / 'examples' / 'push_t_bc'
POSE = np.array([0.30, 0.05, 0.4])


def loaded(name):
    spec = importlib.util.spec_from_file_location(f'push_t_bc_{name}', EXAMPLE / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Net:
    """Answers as an artifact does: two pushes along the T's stem, the first the likelier one."""

    def run(self, wish):
        assert np.shape(wish) == (1, 4)
        pushes = np.array([[(0.0, 0.06, 0.0, 0.02), (0.03, 0.06, 0.03, 0.02)]])
        return {'weights': np.array([[0.9, 0.1]]), 'pushes': pushes, 'spread': np.full((1, 2), 0.006)}


@pytest.fixture
def policy(monkeypatch):
    monkeypatch.setitem(artifact._given, 'artifact', Net())
    return loaded('policy')


def test_the_likeliest_push_comes_first_in_frame_station_and_a_draw_sometimes_turns_the_order(policy):
    pushes = list(policy.proposals(POSE, None))
    assert len(pushes) == 2
    start, end = pushes[0]
    assert np.allclose(policy.turned(start - POSE[:2], -POSE[2]), (0.0, 0.06))
    assert np.linalg.norm(end - start) == pytest.approx(0.04)
    draw = random.Random(3)
    firsts = [np.allclose(next(iter(policy.proposals(POSE, draw)))[0], start) for _ in range(300)]
    assert 0.8 < np.mean(firsts) < 0.98


def test_a_planned_push_leads_with_a_corner_and_comes_down_clear_of_the_t(policy):
    start, end = next(iter(policy.proposals(POSE, None)))
    ways = list(policy.plan(POSE, start, end))
    assert {arm for arm, *_ in ways} <= {'left', 'right'} and ways
    for _, yaw, lean, first, last in ways:
        assert policy.clear(first, yaw, POSE) and 0 <= lean <= policy.LONGEST_LEAN
        corner = last + policy.turned(policy.CORNERS, yaw)
        assert np.linalg.norm(corner - end, axis=1).min() < 1e-9


def test_a_wish_is_in_the_frame_of_the_t_and_a_mirror_image_is_one_again():
    pytest.importorskip('torch', reason='torch is an extra: make setup TRAINING=1')
    train = loaded('train')
    asked = train.wish(POSE, np.array([*(POSE[:2] + train.turned((0.01, 0.02), POSE[2])), POSE[2] + 0.3]))
    assert np.allclose(asked, (0.01, 0.02, math.cos(0.3), math.sin(0.3)))
    push = np.array([0.01, 0.06, 0.02, 0.03])
    twice = train.mirrored(*train.mirrored(asked, push))
    assert np.allclose(twice[0], asked) and np.allclose(twice[1], push)
    assert train.low_spells(np.array([9, 0.02, 0.02, 9, 0.01])) == [(1, 2), (4, 4)]


def test_its_network_becomes_an_artifact_that_the_policy_can_ask(tmp_path):
    torch = pytest.importorskip('torch', reason='torch is an extra: make setup TRAINING=1')
    pytest.importorskip('onnxscript', reason='it comes with torch: make setup TRAINING=1')
    from enpire_research.training.check import check

    train = loaded('train')
    torch.manual_seed(0)
    net = train.Mixture().eval()
    train.export(net, str(tmp_path / 'net.onnx'))
    found = check((tmp_path / 'net.onnx').read_bytes())
    assert {name: shape for name, (shape, _) in found.inputs.items()} == {'wish': (None, 4)}
    asked = np.array([[0.01, 0.02, 1.0, 0.0], [0.03, -0.02, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]], np.float32)
    with torch.no_grad():
        wanted = net(torch.tensor(asked))
    for name, value in zip(('weights', 'pushes', 'spread'), wanted):
        assert np.allclose(found.run(wish=asked)[name], value, atol=1e-5), name
