"""Grippers that something blocks: a retreat has no deadline, so every motion of a gripper must end by itself."""

from types import SimpleNamespace

import numpy as np
import pytest
from enpire_core.joints import GRIPPER_INDEX, JOINT_COUNT
from enpire_core.ticks import tick_to_ns
from enpire_core.types import JointState
from enpire_research.trials.motion import MotionLimits
from enpire_research.trials.robot import Robot

INDEX = GRIPPER_INDEX['left']
MANY = 600


class BlockedLink:
    """Joints go where they are sent, but the left jaws stay within ``lower`` .. ``upper``."""

    def __init__(self, start, lower, upper):
        self._lower, self._upper = lower, upper
        positions = np.zeros(JOINT_COUNT)
        positions[INDEX] = start
        self.ticks, self.start_ns, self.deadline_ns = 0, 0, None
        self.state = JointState(0, positions, np.zeros(JOINT_COUNT), np.zeros(JOINT_COUNT))

    def step(self, positions, efforts):
        self.ticks += 1
        assert self.ticks < MANY, 'the gripper is asked for ever'
        moved = np.array(positions)
        moved[INDEX] = np.clip(moved[INDEX], self._lower, self._upper)
        self.state = JointState(tick_to_ns(self.ticks), moved, np.zeros(JOINT_COUNT), np.zeros(JOINT_COUNT))
        return self.state


def robot(link):
    ones = np.ones(JOINT_COUNT)
    limits = MotionLimits(-ones, ones, 0.1 * ones, 50.0 * ones, 4000.0 * ones, 350.0 * ones, 0.0 * ones, 1.0)
    return Robot(link, limits, SimpleNamespace())


@pytest.mark.parametrize('start, goal', [(0.05, 0.0), (0.02, 0.09)])
def test_a_gripper_that_is_blocked_gives_up_after_half_a_second_without_progress(start, goal):
    link = BlockedLink(start, 0.02, 0.05)
    state = robot(link).move_grippers({'left': goal})
    assert 0.02 <= state.positions[INDEX] <= 0.05
    assert link.ticks < 120


def test_a_gripper_that_is_free_arrives():
    link = BlockedLink(0.01, 0.0, 0.09)
    assert robot(link).move_grippers({'left': 0.08}).positions[INDEX] == pytest.approx(0.08, abs=1e-3)


def test_a_grasp_of_something_that_pushes_back_ends():
    link = BlockedLink(0.05, 0.04, 0.09)
    assert robot(link).grasp(force=5.0) is True
