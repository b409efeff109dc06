"""Reports, outbox, schedule, manifest: what is written down, and what follows from it."""

import json
import math
import os

import pytest
from enpire_core import room
from enpire_research.trials import manifest
from enpire_research.trials import report as reports
from enpire_research.trials.outbox import ROOM_BYTES, Outbox, OutboxConflict
from enpire_research.trials.report import Attempt, Report, ReportError, read
from enpire_research.trials.schedule import Schedule


def a_report(**changes):
    report = Report('unit0', 'push_t', 'trial-00001', reports.ROLLOUT, 2**63 + 5, True, status=reports.FAILED,
                    error_code=213, error_msg='could not tell', start_ns=10, end_ns=3_000_000_010, wall_duration_s=0.5,
                    measurements={'position_error_m': 0.004, 'rotation_error_rad': math.nan},
                    attempts=[Attempt(1, 10, 20, reports.FAILED, math.nan, 'hidden')])
    for name, value in changes.items():
        setattr(report, name, value)
    return report


# ---- reports -------------------------------------------------------------------------------
def test_a_report_survives_json_with_nan_and_seeds_of_64_bits():
    report = a_report()
    text = json.dumps(report.to_dict(), allow_nan=False)
    back = Report.from_dict(json.loads(text))
    assert back.to_dict() == report.to_dict() and back.seed == 2**63 + 5
    assert math.isnan(back.score) and math.isnan(back.attempts[0].score)


def test_a_report_survives_the_message():
    pytest.importorskip('enpire_interfaces')
    conversions = pytest.importorskip('enpire_research.conversions')
    report = a_report()
    back = conversions.report_from_message(conversions.report_to_message(report))
    assert back.to_dict() == report.to_dict()


@pytest.mark.parametrize('spoil', [
    lambda d: d.pop('unit'), lambda d: d.update(unknown=1), lambda d: d.update(status='fine'),
    lambda d: d.update(phase='train'), lambda d: d.update(attempts=[{'attempt': 1}]), lambda d: d.update(score='high')])
def test_what_is_no_report_is_refused(spoil):
    values = a_report().to_dict()
    spoil(values)
    with pytest.raises(ReportError):
        Report.from_dict(values)


# ---- the outbox ----------------------------------------------------------------------------
def test_the_outbox_keeps_one_result_a_phase_and_takes_the_same_one_again(tmp_path):
    outbox = Outbox(str(tmp_path / 'outbox'))
    path = outbox.put(a_report())
    assert os.stat(path).st_mode & 0o077 == 0
    assert outbox.put(a_report()) == path and outbox.holds('trial-00001', 'rollout')
    with pytest.raises(OutboxConflict, match='id of its own'):
        outbox.put(a_report(status=reports.SUCCEEDED))
    assert outbox.reports()[0][0].status == reports.FAILED


def test_a_crash_in_the_middle_of_a_write_leaves_no_result_and_no_obstacle(tmp_path, monkeypatch):
    outbox = Outbox(str(tmp_path))

    def crash(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(os, 'replace', crash)
    with pytest.raises(KeyboardInterrupt):
        outbox.put(a_report())
    monkeypatch.undo()
    (tmp_path / '.abc.part').write_text('{"unit"')  # what kill -9 leaves
    assert outbox.reports() == ([], []) and not outbox.holds('trial-00001', 'rollout')
    outbox.put(a_report())
    assert len(outbox.reports()[0]) == 1


def longest():
    """Return a report as long as a policy can make it."""
    text = '\N{GRINNING FACE}' * 8004
    return a_report(error_msg=f'the policy raised {text}', policy_file='/' + 'x' * 4095,
                    attempts=[Attempt(1, 10, 20, reports.FAILED, math.nan, text)])


def test_a_report_whose_room_was_reserved_is_written_on_a_full_disk_and_the_next_is_not_begun(small_disk):
    folder, fill = small_disk
    outbox = Outbox(str(folder / 'outbox'))
    outbox.reserve()
    fill()
    path = outbox.put(longest())
    assert os.path.getsize(path) < ROOM_BYTES and read(path).to_dict() == longest().to_dict()
    fill()  # what the report left of its room
    with pytest.raises(room.NoRoom, match='make room'):
        outbox.reserve()
    with pytest.raises(OSError, match='No space left'):
        outbox.put(a_report(trial_id='next'))
    assert not outbox.holds('next', 'rollout')
    (folder / 'filler').unlink()
    outbox.reserve()
    fill()
    # What the write that failed has left is longer than this report.
    (folder / 'outbox' / '.next').write_bytes(b'x' * 50_000)
    assert read(outbox.put(a_report(trial_id='next'))).to_dict() == a_report(trial_id='next').to_dict()


def test_reserved_room_is_no_result_and_a_report_takes_no_more_than_its_own(tmp_path):
    outbox = Outbox(str(tmp_path))
    for _ in range(2):
        outbox.reserve()
    assert outbox.reports() == ([], []) and len(os.listdir(tmp_path)) == 1
    assert os.stat(outbox.put(a_report())).st_blocks * 512 <= 8192
    assert len(os.listdir(tmp_path)) == 1


def test_a_damaged_report_is_named_and_the_others_are_still_read(tmp_path):
    outbox = Outbox(str(tmp_path))
    outbox.put(a_report())
    (tmp_path / 'trial-00002.rollout.json').write_text('{"unit": ')
    found, problems = outbox.reports()
    assert len(found) == 1 and len(problems) == 1 and 'trial-00002' in problems[0]


@pytest.mark.parametrize('name', ['', 'a/b', '../x', 'x' * 65, 'ä'])
def test_a_trial_id_that_is_no_file_name_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match='trial id'):
        Outbox(str(tmp_path)).path(name, 'reset')


# ---- the schedule --------------------------------------------------------------------------
def ok(status=reports.SUCCEEDED, **changes):
    return a_report(status=status, error_code=0, error_msg='', **changes)


def test_trials_belong_to_stations_by_number_and_seeds_to_trials():
    schedule, again = Schedule(['unit0', 'unit1'], 5, 1), Schedule(['unit0'], 5, 1)
    taken = {unit: [] for unit in schedule.rows}
    for unit in taken:
        while job := schedule.take(unit):
            taken[unit].append(job.index)
            assert schedule.seed(job) == again.seed(job)
            schedule.rows[unit].job = None
    assert taken == {'unit0': [0, 2, 4], 'unit1': [1, 3]}
    other = Schedule(['unit0'], 1, 2)
    assert other.seed(job or other.take('unit0')) != again.seed(again.take('unit0'))


def test_successes_and_failures_count_and_finish():
    schedule = Schedule(['unit0'], 2, 1)
    for status in (reports.SUCCEEDED, reports.FAILED):
        schedule.take('unit0')
        assert schedule.reset_done('unit0', ok(phase=reports.RESET))
        schedule.rollout_done('unit0', ok(status))
    row = schedule.rows['unit0']
    assert (row.trials, row.successes, row.voids) == (2, 1, 0) and schedule.finished and not schedule.stuck
    assert row.real_time_factor == 6.0 and row.reason == 'hidden'


def test_a_void_trial_is_repeated_three_times_on_its_station_under_new_names():
    schedule = Schedule(['unit0'], 2, 1)
    names = []
    for _ in range(4):
        names.append(schedule.take('unit0').trial_id)
        assert not schedule.reset_done('unit0', a_report(status=reports.FAILED, error_code=103))
        schedule.back('unit0')
    assert names == ['trial-00000', 'trial-00000-r1', 'trial-00000-r2', 'trial-00000-r3']
    assert schedule.take('unit0').trial_id == 'trial-00001'
    assert (schedule.rows['unit0'].voids, schedule.rows['unit0'].given_up) == (4, 1)


def test_three_voids_in_a_row_put_a_station_out_and_a_result_between_them_does_not():
    schedule = Schedule(['unit0', 'unit1'], 40, 1)
    void = a_report(status=reports.VOID, error_code=214, error_msg='the camera is silent')
    for report in (void, void, ok(), void, void):
        schedule.take('unit0')
        schedule.rollout_done('unit0', report)
    assert not schedule.rows['unit0'].out
    schedule.take('unit0')
    schedule.rollout_done('unit0', void)
    assert 'camera is silent' in schedule.rows['unit0'].out and schedule.take('unit0') is None
    assert not schedule.stuck, 'b goes on'
    schedule.put_out('unit1', 'gone')
    assert not schedule.stuck, 'unit0 rests'


def test_a_lab_is_stuck_when_its_last_station_has_rested_three_times_for_nothing():
    schedule = Schedule(['unit0'], 40, 1)
    void, taken = a_report(status=reports.VOID, error_code=214, error_msg='the camera is silent'), 0
    while not schedule.stuck:
        if schedule.rows['unit0'].out:
            schedule.back('unit0')
        schedule.take('unit0')
        schedule.rollout_done('unit0', void)
        taken += 1
    assert taken == 6 and not schedule.finished


@pytest.mark.parametrize('status, voids, trials', [(reports.VOID, 1, 0), (reports.FAILED, 0, 1)])
def test_a_latched_gate_puts_a_station_out_at_once_until_it_is_cleared(status, voids, trials):
    schedule = Schedule(['unit0'], 3, 1)
    schedule.take('unit0')
    schedule.rollout_done('unit0', a_report(status=status, error_code=216, error_msg='latched'))
    row = schedule.rows['unit0']
    assert row.latched and row.out and (row.voids, row.trials) == (voids, trials)
    schedule.back('unit0')
    assert schedule.take('unit0').index == (0 if voids else 1)


def test_a_busy_station_gets_the_same_trial_later():
    schedule = Schedule(['unit0'], 1, 1)
    first = schedule.take('unit0')
    schedule.put_back('unit0')
    assert schedule.take('unit0') == first and schedule.rows['unit0'].voids == 0


def test_a_trial_that_others_came_into_after_its_reset_begins_anew_under_another_name_and_is_no_void():
    schedule = Schedule(['unit0'], 1, 1)
    first = schedule.take('unit0')
    for again in range(1, 6):
        assert schedule.reset_done('unit0', ok(phase=reports.RESET))
        schedule.begin_anew('unit0')
        job = schedule.take('unit0')
        assert job.trial_id == f'trial-00000-r{again}' and schedule.seed(job) == schedule.seed(first)
    # Its own voids are counted from here: three repeats are left to it.
    for _ in range(3):
        schedule.reset_done('unit0', a_report(status=reports.VOID, error_code=106))
        schedule.back('unit0')
        assert schedule.take('unit0') is not None
    row = schedule.rows['unit0']
    assert (row.voids, row.given_up) == (3, 0)


def test_the_summary_is_plain_json_in_the_order_of_trials():
    schedule = Schedule(['unit0', 'unit1'], 3, 1)
    for unit in ('unit1', 'unit0', 'unit1'):
        if schedule.take(unit):
            schedule.rollout_done(unit, ok(score=0.5))
    summary = json.loads(json.dumps(schedule.summary(), allow_nan=False))
    assert [one['trial_id'] for one in summary['results']] == ['trial-00000', 'trial-00001']
    assert summary['stations']['unit0']['left'] == 1


# ---- the manifest --------------------------------------------------------------------------
@pytest.fixture
def frozen(tmp_path):
    (tmp_path / 'task' / 'assets').mkdir(parents=True)
    (tmp_path / 'code').mkdir()
    for name in ('task/task.py', 'task/assets/floor.png', 'code/rollout.py', 'robot.yaml', 'task.yaml'):
        (tmp_path / name).write_text(name)
    limits = (str(tmp_path / 'robot.yaml'), str(tmp_path / 'task.yaml'))
    return tmp_path, lambda: manifest.entries(str(tmp_path / 'task'), limits, 'a' * 64, {'c': str(tmp_path / 'code')})


@pytest.mark.parametrize('name, entry', [
    ('task/task.py', 'task/task.py'), ('task/assets/floor.png', 'task/assets/floor.png'),
    ('code/rollout.py', 'c/rollout.py'), ('robot.yaml', 'limits/robot'), ('task/new.py', 'task/new.py')])
def test_any_change_of_what_is_frozen_changes_the_manifest_and_is_named(frozen, name, entry):
    folder, entries = frozen
    before = entries()
    assert manifest.total(before) == manifest.total(entries())
    (folder / name).write_text('changed')
    assert manifest.differences(before, entries()) == [entry]
    assert manifest.total(before) != manifest.total(entries())


def test_what_python_leaves_behind_is_not_frozen(frozen):
    folder, entries = frozen
    before = entries()
    (folder / 'task' / '__pycache__').mkdir()
    (folder / 'task' / '__pycache__' / 'task.cpython-311.pyc').write_text('x')
    assert entries() == before


def test_a_file_that_is_missing_is_named(frozen):
    folder, entries = frozen
    (folder / 'task.yaml').unlink()
    with pytest.raises(manifest.ManifestError, match='task.yaml'):
        entries()
