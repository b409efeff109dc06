"""A lab of two stations from start to summary; its end at Ctrl-C; stop, status and clear."""

import json

import pytest
from enpire_core.seeds import derive
from enpire_interfaces.msg import SafetyState
from enpire_research.trials import report as reports
from system_lab import policy, until

UNITS = ('unit0', 'unit1')
TRIALS = 4
SEED = 5


@pytest.fixture
def endless(start_lab):
    """A lab of two stations in the middle of many trials."""
    process, watcher = start_lab('--units', '2', '--trials', '1000', '--policy', policy('holds'))
    for unit in UNITS:
        until(lambda unit=unit: outbox(process, unit), f'a first report of {unit}')
    return process, watcher


def outbox(process, unit, phase='*'):
    """Return the reports of a station in the order of their names; each file has to be whole."""
    folder = process.run_dir / unit / 'outbox'
    return [reports.read(path) for path in sorted(folder.glob(f'*.{phase}.json'))]


def test_a_lab_of_two_does_its_trials_and_ends_with_results_on_disk_and_a_summary(start_lab):
    process, _ = start_lab('--units', '2', '--trials', str(TRIALS), '--seed', str(SEED), '--policy', policy('holds'))
    code, text = process.wait(120.0)
    assert code == 0, text
    rollouts = {}
    for number, unit in enumerate(UNITS):
        assert not list((process.run_dir / unit / 'outbox').glob('.*')), 'a part of a file was left'
        resets = {report.trial_id: report for report in outbox(process, unit, 'reset')}
        for report in outbox(process, unit, 'rollout'):
            rollouts[report.trial_id] = report
            check_trial(resets[report.trial_id], report, unit, number)
            for one in (resets[report.trial_id], report):
                record = process.run_dir / unit / 'records' / one.state_record
                assert record.is_file() and record.stat().st_mode & 0o077 == 0
    wanted = {f'trial-{i:05d}' for i in range(TRIALS)}
    assert {name[:11] for name in rollouts} == wanted
    check_summary(process, text, rollouts)
    assert not process.left()


def check_trial(reset, rollout, unit, number):
    index = int(rollout.trial_id[6:11])
    assert index % len(UNITS) == number
    assert reset.status == reports.SUCCEEDED and 1 <= reset.tries <= 3
    for report in (reset, rollout):
        assert (report.unit, report.task, report.simulated) == (unit, 'push_t', True)
        assert report.seed == derive(SEED, 'trial', index)
        assert report.ticks > 0 and report.end_ns - report.start_ns == pytest.approx(report.ticks / 30 * 1e9, abs=2)
        assert len(report.manifest_hash) == len(report.trajectory_digest) == 64
    # The rollout begins in the state in which the reset ended.
    assert rollout.state_digest_before == reset.state_digest_after
    assert rollout.start_ns == reset.end_ns
    assert rollout.status in (reports.SUCCEEDED, reports.FAILED) and rollout.error_code == 0
    # The policy touches nothing: the T lies where the reset left it, away from the goal.
    assert 0.0 <= rollout.score < 1.0


def check_summary(process, text, rollouts):
    summary = json.loads((process.run_dir / 'summary.json').read_text())
    successes = sum(report.status == reports.SUCCEEDED for report in rollouts.values())
    assert summary['finished'] and summary['simulated'] and summary['lab_seed'] == SEED
    assert sum(row['trials'] for row in summary['stations'].values()) == TRIALS
    assert sum(row['successes'] for row in summary['stations'].values()) == successes
    assert {one['trial_id']: (one['status'], one['score']) for one in summary['results']} == {
        name: (report.status, report.score) for name, report in rollouts.items()}
    assert f'{TRIALS} of {TRIALS}' in text and f'{successes} of {TRIALS}' in text and 'SIMULATED' in text


def test_ctrl_c_ends_a_lab_in_order_and_leaves_no_process(endless):
    process, _ = endless
    code, text = process.interrupt()
    assert code == 0, text
    assert len(process.family) >= 9, 'two stations of three, the train server, the runner, the view'
    assert not process.left(), f'{process.left()}\n{text}'
    names = ['lab.view', 'lab.trial_runner', 'unit0.trial_server', 'unit0.safety_gate', 'unit0.sim_station']
    places = [text.index(f'{name} has ended (exit code 0)') for name in names]
    assert places == sorted(places)
    assert 'did not end at SIGINT' not in text and 'Traceback' not in text
    # Nothing was left half done: each file is whole, what was under way is canceled.
    for unit in UNITS:
        assert not list((process.run_dir / unit / 'outbox').glob('.*'))
        for report in outbox(process, unit):
            assert report.status in (reports.SUCCEEDED, reports.FAILED, reports.CANCELED), report.error_msg


def test_status_shows_every_station_and_stop_holds_them_all_until_they_are_cleared(endless):
    process, watcher = endless
    code, text = process.command('status')
    assert code == 0, text
    for word in (*UNITS, 'push_t', 'SIMULATED'):
        assert word in text, text
    code, text = process.command('stop')
    for unit in UNITS:
        assert code == 0 and f'{unit}: stopped' in text, text
    for unit in UNITS:
        said = watcher.until_mode(unit, SafetyState.MODE_LATCHED, f'{unit} to be stopped: {process.text()}')
        assert said.rule == 'operator' and 'operator' in said.reason
    code, text = process.command('status')
    assert code == 3 and text.count('STOPPED') == 2, text
    ran = {unit: len(outbox(process, unit, 'rollout')) for unit in UNITS}
    code, text = process.command('clear', '--yes')
    for unit in UNITS:
        assert code == 0 and f'{unit}: cleared' in text, text
    for unit in UNITS:
        until(lambda unit=unit: len([one for one in outbox(process, unit, 'rollout')[ran[unit]:]
                                     if one.error_code == 0]), f'{unit} to work again: {process.text()}')
    assert process.process.poll() is None
