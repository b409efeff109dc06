"""A measured state beyond a hard limit: the trial failed, in the same tick on the graph and in the direct runner."""

import dataclasses

import pytest

pytest.importorskip('rclpy')

import trial_helpers  # noqa: E402
from enpire_interfaces.action import Rollout  # noqa: E402
from enpire_research.conversions import report_from_message  # noqa: E402
from enpire_research.trials import report as reports  # noqa: E402
from test_nodes import lab  # noqa: E402, F401

pytestmark = pytest.mark.node
LATCHED_AT = 20


def measure_wrong(world, from_tick, **change):
    """Let the first joint be measured beyond its hard limit from ``from_tick`` on, or otherwise: {array: value}."""
    change = change or {'positions': 4.0}
    true = world.joint_state

    def measured(stamp_ns):
        state = true(stamp_ns)
        if stamp_ns * 30 < from_tick * 1_000_000_000:
            return state
        arrays = {name: getattr(state, name).copy() for name in change}
        for name, value in change.items():
            arrays[name][0] = value
        return dataclasses.replace(state, **arrays)
    world.joint_state = measured


@pytest.mark.parametrize('policy', ['waits', 'push_left'])
def test_a_measured_state_beyond_a_limit_fails_the_trial_with_the_same_bits_everywhere(lab, tmp_path, policy):  # noqa: F811
    measure_wrong(lab.arm._station.world, LATCHED_AT)
    path = trial_helpers.policy(policy)
    _, result = lab.result(lab.rollout, Rollout.Goal(trial_id='t', seed=5, policy_file=path))
    graph = report_from_message(result.report)
    (tmp_path / 'direct').mkdir()
    runner, _ = trial_helpers.runner(tmp_path / 'direct', lab_seed=3)
    with runner:
        measure_wrong(runner.station.sim.world, LATCHED_AT)
        direct = runner.rollout('t', 5, path)
        # The next policy has done nothing: its trial is void, not failed.
        assert runner.rollout('next', 5, path).status == reports.VOID
    assert direct.status == reports.FAILED and direct.error_code == 216, direct.error_msg
    for name in ('status', 'error_code', 'error_msg', 'ticks', 'trajectory_digest', 'state_digest_after', 'end_ns'):
        assert getattr(graph, name) == getattr(direct, name), name


@pytest.mark.parametrize('change, cause', [({'velocities': 6.5}, 'runaway'), ({'positions': 12.0}, 'blind')])
def test_a_power_cut_that_follows_what_a_policy_brought_about_makes_its_trial_no_void_one(
        lab, tmp_path, change, cause):  # noqa: F811
    station = lab.arm._station
    measure_wrong(station.world, LATCHED_AT, **change)
    path = trial_helpers.policy('waits')
    _, result = lab.result(lab.rollout, Rollout.Goal(trial_id='t', seed=5, policy_file=path))
    report = report_from_message(result.report)
    assert (report.status, report.error_code) == (reports.FAILED, 216), report.error_msg
    assert lab.graph.until(lambda: station.power_cut.startswith(cause)), station.power_cut
    assert lab.graph.until(lambda: 'power_cut' in [rule.name for rule, _ in lab.gate.core.causes])
    assert lab.gate.core.latched.startswith('measured_')
    (tmp_path / 'direct').mkdir()
    runner, _ = trial_helpers.runner(tmp_path / 'direct', lab_seed=3)
    with runner:
        measure_wrong(runner.station.sim.world, LATCHED_AT, **change)
        assert runner.rollout('t', 5, path).status == reports.FAILED
        assert runner.station.sim.power_cut == station.power_cut
