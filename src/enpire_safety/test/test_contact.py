"""Contact: a tool that pushes too hard is taken back, and the arms hold."""

import numpy as np
import pytest

from enpire_safety.gate.station_model import StationModel

from .helpers import HOME, Arms, shipped

MODEL = StationModel(shipped().body)
DOWN = np.array([0.0, 0.0, -25.0])


def lowered(by, start=HOME):
    """Joint positions with the left tool lower by ``by`` [m]."""
    return MODEL.stepped_back(start, np.array([[0.0, 0.0, -by], [0.0, 0.0, 0.0]]))


def pushing(force, ticks=2):
    arms = Arms()
    arms.forces = None if force is None else {'left': force}
    for _ in range(ticks):
        arms.ask(arms.positions)
    return arms


def test_a_tool_that_pushes_too_hard_may_not_go_on():
    arms = pushing(DOWN)
    verdict = arms.ask(lowered(0.003))
    assert verdict.decision == 'refused' and verdict.rule == 'contact_force' and verdict.joint == 'left_tool'
    assert verdict.limit == 20.0 and verdict.value == pytest.approx(25.0, rel=0.03) and verdict.unit == 'N'
    assert not arms.gate.latched


def test_it_is_taken_back_against_the_force_and_the_other_arm_stays():
    arms = pushing(DOWN)
    before = arms.tools()
    arms.ask(lowered(0.003))
    shift = arms.tools() - before
    assert shift[0, 2] == pytest.approx(0.002, abs=2e-4) and np.abs(shift[0, :2]).max() < 3e-4
    assert np.abs(shift[1]).max() < 1e-9


def test_then_the_arms_hold_there():
    arms = pushing(DOWN)
    arms.ask(lowered(0.003))
    assert arms.gate.status().mode == 'holding'
    arms.forces = None
    there = arms.positions.copy()
    assert arms.ask(there).decision == 'passed' and (arms.positions == there).all()


def test_a_request_that_takes_the_tool_back_passes():
    arms = pushing(DOWN)
    assert arms.ask(lowered(-0.003)).decision == 'passed'


@pytest.mark.parametrize('force', [np.array([0.0, 0.0, -18.0]), np.array([13.0, 13.0, 0.0]) * 0.95])
def test_less_than_the_limit_is_no_contact(force):
    assert pushing(force).ask(lowered(0.003)).decision == 'passed'


def test_one_look_alone_is_no_contact():
    arms = pushing(None)
    arms.forces = {'left': DOWN}
    assert arms.ask(lowered(0.001)).decision == 'passed'
    assert arms.ask(lowered(0.002, arms.positions)).rule == 'contact_force'


def test_a_task_can_ask_for_less():
    arms = Arms(changes={'contact_force': 8.0})
    arms.forces = {'right': np.array([0.0, 10.0, 0.0])}
    arms.ask(arms.positions)
    away = MODEL.stepped_back(HOME, np.array([[0.0, 0.0, 0.0], [0.0, 0.003, 0.0]]))
    verdict = arms.ask(away)
    assert verdict.rule == 'contact_force' and verdict.joint == 'right_tool' and verdict.limit == 8.0


def test_a_new_phase_judges_no_force_of_the_one_before():
    arms = pushing(DOWN)
    assert arms.gate.select('robot')[0]
    assert arms.ask(lowered(0.001)).decision == 'passed'


def test_a_step_back_stays_inside_the_hard_limits_and_the_speed_limit():
    arms = Arms()
    limits = shipped()
    arms.positions[1] = limits.hard_lower[1]
    arms.gate = Arms(start=arms.positions).gate
    arms.forces = {'left': np.array([0.0, 0.0, -60.0]), 'right': np.array([60.0, 0.0, 0.0])}
    arms.ask(arms.positions)
    before = arms.positions.copy()
    assert arms.ask(arms.positions + 0.001).rule in ('contact_force', 'joint_position')
    assert (arms.positions >= limits.hard_lower).all() and (arms.positions <= limits.hard_upper).all()
    assert (np.abs(arms.positions - before) <= limits.velocity / 30 + 1e-9).all()
