"""A feed-forward leads round no limit: neither that of position nor that of velocity."""

import numpy as np
import pytest

from .helpers import core, moved, request, sets, state

NOTHING = np.zeros(14)
WRIST, GRIPPER = 3, 6


def decide(asked, measured=None, profile='reset'):
    measured = measured or state()
    return core(profile).step(measured.stamp_ns, asked, measured)


@pytest.mark.parametrize('sign', [-1.0, 1.0])
def test_a_feed_forward_that_would_carry_a_joint_beyond_its_limits_is_refused_and_named(sign):
    one = sets()['reset']
    near = np.array(state().positions)
    near[WRIST] = (one.soft_upper if sign > 0 else one.soft_lower)[WRIST] - sign * 0.1
    verdict = decide(request(positions=near, efforts=moved(WRIST, sign * 2.0, NOTHING)), state(positions=near))
    assert (verdict.decision, verdict.rule, verdict.joint) == ('refused', 'feed_forward_reach', 'left_joint4')
    assert verdict.value == pytest.approx(near[WRIST] + sign * 2.0 / one.kp[WRIST]) and verdict.unit == 'rad'


def test_a_feed_forward_that_would_make_a_joint_faster_than_its_limit_is_refused_and_named():
    verdict = decide(request(efforts=moved(WRIST, 4.0, NOTHING)))
    assert (verdict.decision, verdict.rule, verdict.joint) == ('refused', 'feed_forward_speed', 'left_joint4')
    assert verdict.value == pytest.approx(4.0 / sets()['reset'].kd[WRIST]) and verdict.limit == 2.0


def test_a_gripper_that_must_stay_closed_is_not_opened_by_feed_forward():
    verdict = decide(request(efforts=moved(GRIPPER, 20.0, NOTHING)), profile='rollout')
    assert (verdict.decision, verdict.rule, verdict.joint) == ('refused', 'feed_forward_reach', 'left_gripper')


def test_a_modest_feed_forward_passes():
    efforts = moved(0, 3.0, moved(WRIST, -1.0, NOTHING))
    assert decide(request(efforts=efforts)).decision == 'passed'


def test_a_joint_held_outside_its_soft_limits_without_feed_forward_may_stay():
    outside = np.array(state().positions)
    outside[WRIST] = sets()['reset'].soft_upper[WRIST] + 0.01
    assert decide(request(positions=outside), state(positions=outside)).decision == 'passed'
