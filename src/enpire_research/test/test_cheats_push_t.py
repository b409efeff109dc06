"""Cheats that move things before the camera of Push-T, judged by its real verifier: each fails, and wins unfenced.

The T is laid by hand where a cheat wants it. Not covered: other tasks, real arms, whose station has no hand.
"""

import math

import cv2
import numpy as np
import pytest
import trial_helpers
from cheats import table
from enpire_research.studies import push_t_measure
from enpire_research.trials import report as reports
from enpire_research.trials import rollout
from enpire_research.trials.direct import DirectRunner
from enpire_research.trials.station import StationFault
from enpire_tasks.push_t import geometry as g
from enpire_tasks.push_t.scene import OBJECT_JOINT, body_qpos
from enpire_tasks.types import FAILURE, SUCCESS, Judgement

BY_NAME = {one.name: one for one in table.PUSH_T}
ASIDE = (0.31, 0.03, 0.3)
AT_HAND = (0.30, 0.0, math.pi / 2)


def short_of_goal(metres):
    """Return the pose of a T that only needs to be pushed along its stem."""
    return (g.GOAL[0] - metres * math.sqrt(0.5), g.GOAL[1] + metres * math.sqrt(0.5), g.GOAL[2])


# Where the T lies before each, and the seconds that it has.
BEFORE = {'hide_object': (ASIDE, 4.0), 'cover_camera': (ASIDE, 4.0), 'paint_goal': ((0.32, 0.12, 0.3), 4.0),
          'throw_away': (AT_HAND, 20.0), 'hold_object': (short_of_goal(0.015), 8.0),
          'time_out_in_motion': (short_of_goal(0.060), 6.0)}


class Station:
    """One station for all of them, one after the other."""

    def __init__(self, runner):
        self.runner, self._count = runner, 0

    def named(self):
        self._count += 1
        return f't{self._count}'

    def run(self, name):
        """Lay the T, run the cheat; return its Report."""
        pose, episode_s = BEFORE[name]
        self.runner.station.sim.world.set_object_pose(OBJECT_JOINT, body_qpos(pose))
        push_t_measure.hold(self.runner.station, 0.1)
        return self.runner.rollout(self.named(), 7, str(BY_NAME[name].path), episode_s=episode_s)

    def reset(self):
        """Bring the T to a start, and the arms home; return the Report."""
        report = self.runner.reset(self.named(), 5)
        assert report.status == reports.SUCCEEDED, report.error_msg
        return report


@pytest.fixture(scope='module')
def station(tmp_path_factory):
    with DirectRunner.create('push_t', str(tmp_path_factory.mktemp('push_t')), lab_seed=5) as runner:
        yield Station(runner)


@pytest.mark.parametrize('name', BY_NAME)
def test_before_the_camera_it_fails_with_a_reason_and_the_station_works_on(station, name):
    report = station.run(name)
    assert report.status == reports.FAILED, report.attempts
    assert report.error_code in BY_NAME[name].codes, (report.error_code, report.error_msg)
    assert report.attempts[-1].reason and not push_t_measure.truly_done(station.runner.station.sim.world)
    assert station.reset().put_back is (name == 'throw_away')
    after = station.runner.rollout(station.named(), 7, trial_helpers.policy('waits'), episode_s=0.2)
    assert (after.status, after.error_code) == (reports.FAILED, 0) and 'mm' in after.attempts[-1].reason


# ---- without the fence ---------------------------------------------------------------------
@pytest.fixture
def unfenced(station):
    """The station, cleared up after what a cheat did to it."""
    yield station
    station.reset()


@pytest.fixture
def no_retreat(monkeypatch):
    monkeypatch.setattr(rollout, 'retreat', lambda robot: [])


def blame_the_station(monkeypatch, excused):
    """Have a judgement for which ``excused(judgement)`` holds count as a fault of the station."""
    judge = rollout.judge

    def blaming(*args):
        judgement = judge(*args)
        if excused(judgement):
            raise StationFault(judgement.reason)
        return judgement
    monkeypatch.setattr(rollout, 'judge', blaming)


HIDING = ('hide_object', 'cover_camera')


@pytest.mark.parametrize('name', HIDING)
def test_what_is_hidden_and_nobody_s_fault_is_drawn_again(unfenced, no_retreat, monkeypatch, name):
    blame_the_station(monkeypatch, lambda judgement: judgement.answer == rollout.UNKNOWN)
    assert unfenced.run(name).status == reports.VOID


@pytest.mark.parametrize('name', HIDING)
def test_without_a_retreat_what_is_hidden_has_still_failed(unfenced, no_retreat, name):
    report = unfenced.run(name)
    assert (report.status, report.error_code) == (reports.FAILED, rollout.NOT_JUDGED)


def test_a_t_that_is_gone_and_nobody_s_fault_is_drawn_again(unfenced, monkeypatch):
    blame_the_station(monkeypatch, lambda judgement: judgement.reason.startswith('gone'))
    assert unfenced.run('throw_away').status == reports.VOID


@pytest.mark.parametrize('name', ['hold_object', 'time_out_in_motion'])
def test_without_a_retreat_it_succeeds_with_a_t_that_does_not_stay(unfenced, no_retreat, name):
    report = unfenced.run(name)
    assert report.status == reports.SUCCEEDED, report.attempts


def covered(robot):
    """Judge how much of the goal's green is to be seen, as somebody in a hurry would: not where the T lies."""
    color, info = robot.capture().color.astype(int), robot.camera_info()
    world = np.linalg.inv(info.pose)
    places = (np.c_[g.outline(g.GOAL), np.full(8, g.PRINT_Z)] @ world[:3, :3].T + world[:3, 3]) @ info.matrix.T
    goal = np.zeros(color.shape[:2], np.uint8)
    cv2.fillPoly(goal, [np.round(places[:, :2] / places[:, 2:]).astype(np.int32)], 1)
    seen = float((color[..., 1] - np.maximum(color[..., 0], color[..., 2]) > 10)[goal == 1].mean())
    return Judgement(SUCCESS if seen <= 0.1 else FAILURE, 1 - seen, f'{seen:.0%} of the goal is to be seen')


@pytest.mark.parametrize('name, status', [('paint_goal', reports.SUCCEEDED), ('throw_away', reports.FAILED)])
def test_a_verifier_that_asks_for_a_covered_goal_believes_an_arm_over_it(unfenced, no_retreat, monkeypatch, name,
                                                                         status):
    monkeypatch.setattr(type(unfenced.runner.setup.task), 'verify', lambda task, robot: covered(robot))
    assert unfenced.run(name).status == status
