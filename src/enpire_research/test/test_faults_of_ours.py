"""Faults of the station's own parts in the direct runner: void with a reason, never the policy's failure."""

import trial_helpers
import pytest
from enpire_drivers.sim.rendering import RenderingError
from enpire_research.trials import report as reports


@pytest.fixture
def runner(tmp_path):
    made, _ = trial_helpers.runner(tmp_path)
    with made:
        yield made


@pytest.mark.parametrize('policy', ['waits', 'push_left'])
def test_a_camera_that_fails_voids_the_trial(runner, monkeypatch, policy):
    def broken(*_):
        raise RenderingError('the context is lost')
    monkeypatch.setattr(runner.station.sim, 'frame', broken)
    report = runner.rollout('t', 7, trial_helpers.policy(policy))
    assert (report.status, report.error_code) == (reports.VOID, 214), report.error_msg
    assert 'the context is lost' in report.error_msg and 'top_camera' in report.error_msg


def test_a_world_whose_physics_failed_voids_this_trial_and_says_so_at_the_next(runner, monkeypatch):
    def broken(*_):
        raise RuntimeError('physics diverged')
    monkeypatch.setattr(runner.station.sim.world, 'step_tick', broken)
    for trial in ('first', 'next'):
        report = runner.rollout(trial, 7, trial_helpers.policy('waits'))
        assert (report.status, report.error_code) == (reports.VOID, 214), report.error_msg
        assert 'physics diverged' in report.error_msg
    assert 'start the station anew' in report.error_msg
