"""Where the arms are and how hard they push: the gate's model of the URDF against the MJCF."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from enpire_safety.gate.capsules import Capsule
from enpire_safety.gate.limits_file import LimitsError
from enpire_safety.gate.station_model import StationModel

from .helpers import HOME, put, resting_efforts, shipped, state

MODEL = StationModel(shipped().body)
LIMITS = shipped()
PLACE = arrays(np.float64, 14, elements=st.floats(0.0, 1.0))
FORCE = st.tuples(*[st.floats(-40.0, 40.0)] * 3)


def placed(share):
    return LIMITS.hard_lower + share * (LIMITS.hard_upper - LIMITS.hard_lower)


@settings(max_examples=100)
@given(PLACE)
def test_tools_are_where_the_mjcf_has_them(share):
    positions = placed(share)
    _, data = put(positions)
    expected = [data.site(f'tcp_{arm}').xpos for arm in ('left', 'right')]
    assert np.abs(MODEL.pose(positions).tools - expected).max() < 1e-6


@settings(max_examples=100)
@given(PLACE)
def test_capsules_are_fixed_to_their_links(share):
    positions = placed(share)
    _, data = put(positions)
    pose = MODEL.pose(positions)
    for i, name in enumerate(MODEL.capsule_names):
        link, one = data.body(name), LIMITS.body.capsules[i % len(LIMITS.body.capsules)]
        ends = np.array([one.start, one.end]) @ link.xmat.reshape(3, 3).T + link.xpos
        found = pose.lines[:, i]
        # A capsule has no first end.
        assert min(np.abs(found - ends).max(), np.abs(found[::-1] - ends).max()) < 1e-6, name


@pytest.mark.parametrize('velocities', [np.zeros(14), np.linspace(-1.0, 1.0, 14) * 0.5])
def test_arms_that_touch_nothing_push_with_nothing(velocities):
    measured = state(100, HOME, velocities, resting_efforts(HOME, velocities))
    assert np.abs(MODEL.tool_forces(measured)).max() < 1e-3


@settings(max_examples=100)
@given(FORCE, FORCE)
def test_the_force_of_a_tool_is_told_from_the_efforts(left, right):
    measured = state(100, HOME, None, resting_efforts(HOME, forces={'left': left, 'right': right}))
    found = MODEL.tool_forces(measured)
    assert np.abs(found - [left, right]).max() <= 0.03 * np.linalg.norm([left, right]) + 1e-3


@settings(max_examples=100)
@given(FORCE, st.floats(0.0, 40.0))
def test_no_force_above_what_was_asked_about_is_passed_over(left, above):
    measured = state(100, HOME, None, resting_efforts(HOME, forces={'left': left}))
    if MODEL.tool_forces(measured, above) is None:
        assert np.linalg.norm(MODEL.tool_forces(measured), axis=1).max() <= above


def test_a_tool_that_is_stepped_back_goes_where_it_is_told():
    shifts = np.array([[0.0, 0.001, 0.002], [-0.002, 0.0, 0.0]])
    back = MODEL.stepped_back(HOME, shifts)
    assert np.abs(MODEL.pose(back).tools - MODEL.pose(HOME).tools - shifts).max() < 1e-4
    assert (back[[6, 13]] == HOME[[6, 13]]).all()


@pytest.mark.parametrize('change, words', [
    (lambda body: dataclasses.replace(body, urdf='<robot'), 'no XML'),
    (lambda body: dataclasses.replace(body, urdf='<robot name="r"><link name="a"/></robot>'), 'left_joint1'),
    (lambda body: dataclasses.replace(body, urdf=body.urdf.replace('tcp_right', 'tool_right')), 'tcp_right missing'),
    (lambda body: dataclasses.replace(body, capsules=(Capsule('elbow', (0, 0, 0), (0, 0, 1), 0.1),)), 'left_elbow')])
def test_a_model_that_does_not_fit_is_refused_and_what_is_missing_named(change, words):
    with pytest.raises(LimitsError, match=words):
        StationModel(change(shipped().body))
