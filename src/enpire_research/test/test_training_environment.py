"""The Gymnasium environment of the nominal Push-T."""

import warnings

import gymnasium
import numpy as np
import pytest
from enpire_research.training import environment
from enpire_tasks.push_t import geometry
from gymnasium.utils.env_checker import check_env


@pytest.fixture(scope='module')
def env():
    found = gymnasium.make(environment.ENVIRONMENT, render_mode='rgb_array')
    yield found
    found.close()


def test_it_passes_the_check_of_gymnasium(env):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        check_env(env.unwrapped, skip_render_check=True)
    env.reset(seed=1)
    assert env.render().shape == (480, 640, 3)


def test_the_same_seed_and_actions_have_the_same_bits_and_another_seed_another_start(env):
    runs = []
    for seed in (5, 5, 6):
        first, _ = env.reset(seed=seed)
        draw = np.random.default_rng(0)
        last = [env.step(draw.uniform(-0.3, 0.3, 14)) for _ in range(20)][-1]
        runs.append((first['object'].tolist(), last[0]['joint_positions'].tolist(), last[1]))
    assert runs[0] == runs[1] and runs[0][0] != runs[2][0]


def test_a_t_on_its_goal_is_done_and_one_beside_it_is_not(env):
    still = np.zeros(14)
    _, info = env.reset(options={'start': geometry.GOAL})
    assert info['done'] and env.step(still)[2]
    beside = (geometry.GOAL[0] + 0.006, *geometry.GOAL[1:])
    _, info = env.reset(options={'start': beside})
    assert not info['done'] and info['position_error_m'] == pytest.approx(0.006, abs=1e-4)
    assert not env.step(still)[2]


def test_what_the_gate_refuses_moves_nothing_and_is_said(env):
    env.reset(seed=1)
    opened = np.zeros(14)
    opened[[6, 13]] = 1.0  # a push task keeps the grippers closed: clipped to what is let through
    assert env.step(opened)[4]['refused'] == ''
    down = np.zeros(14)
    down[1] = 1.0
    told = [env.step(down)[4]['refused'] for _ in range(120)]
    assert any(told), 'the arm went through the table'


@pytest.mark.parametrize('action', [np.zeros(13), np.full(14, np.nan), None, 'x'])
def test_what_is_no_action_is_refused(env, action):
    env.reset(seed=1)
    with pytest.raises((ValueError, AssertionError, TypeError)):
        env.unwrapped.step(action)


def test_a_step_before_a_reset_is_refused():
    with pytest.raises(gymnasium.error.ResetNeeded):
        environment.PushT().step(np.zeros(14))


def test_its_robot_is_that_of_policies_and_the_time_has_an_end(env, monkeypatch):
    monkeypatch.setattr(type(env.unwrapped._setup.task), 'episode_s', 0.5, raising=False)
    env.reset(seed=2)
    robot = env.unwrapped.robot
    assert robot.capture('top_camera').color.shape == (480, 640, 3) and robot.time_left <= 0.5
    ended = [env.step(np.zeros(14))[3] for _ in range(15)]
    assert ended == [False] * 14 + [True]
