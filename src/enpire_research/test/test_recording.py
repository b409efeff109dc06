"""What is kept of a rollout for training: nothing else changes by it, and no failure of it costs a result."""

import os

import numpy as np
import pytest
import trial_helpers
from enpire_core.joints import JOINT_COUNT
from enpire_core.types import CameraInfo, Frame, JointState
from enpire_policy import training
from enpire_research.trials import recording
from enpire_research.trials import report as reports

DIGESTS = ('status', 'ticks', 'state_digest_after', 'trajectory_digest', 'frames_digest', 'measurements')


def info():
    return CameraInfo('top_camera', 4, 3, np.eye(3), 'station', np.eye(4))


def frame(number):
    return Frame('top_camera', number, np.full((3, 4, 3), number % 256, np.uint8))


def recorded(states=3, frames=2, most=64):
    """Return a Recording of so many ticks, and frames before the first of them."""
    notes = recording.Recording(most)
    for number in range(frames):
        notes.frame(frame(number), info())
    for tick in range(states):
        zeros = np.zeros(JOINT_COUNT)
        notes.step(JointState(tick, zeros + tick, zeros, zeros), zeros + tick + 0.5)
    return notes


def report(status=reports.SUCCEEDED, trial_id='t'):
    return reports.Report('unit0', 'block', trial_id, reports.ROLLOUT, 7, True, status=status,
                          measurements={'a_m': float('nan')})


@pytest.fixture
def said():
    return []


@pytest.fixture
def folder(tmp_path, said):
    found = recording.DataFolder(str(tmp_path / 'data'), said.append)
    yield found
    found.close()


def test_a_rollout_is_kept_as_the_policy_saw_it_and_has_the_same_bits_as_without(tmp_path):
    found = []
    for data in (False, True):
        (tmp_path / str(data)).mkdir()
        runner, _ = trial_helpers.runner(tmp_path / str(data), lab_seed=3, data=data)
        with runner:
            found.append(runner.rollout('t', 5, trial_helpers.policy('push_left')))
    for name in DIGESTS:
        assert getattr(found[0], name) == getattr(found[1], name), name
    assert not (tmp_path / 'False' / 'data').exists()
    trial = training.load_trial(str(tmp_path / 'True' / 'data' / 't.npz'))
    assert (trial.trial_id, trial.unit, trial.task, trial.status, trial.seed) == ('t', 'unit0', 'block', 'succeeded', 5)
    assert trial.policy_hash == found[1].policy_hash and trial.score == 1.0
    ticks = len(trial.stamps_ns)
    # The retreat is not the policy's.
    assert 0 < ticks < found[1].ticks
    assert trial.positions.shape == trial.requests.shape == (ticks, JOINT_COUNT)
    assert np.abs(trial.positions[1:] - trial.requests[:-1]).max() < 0.2


def test_pictures_come_back_as_they_were_with_camera_and_tick(tmp_path, folder):
    folder.put(report(), recorded())
    folder.flush()
    trial = training.load_trial(folder.path('t'), 'screen', 4)
    assert [(one.camera, one.tick, one.stamp_ns) for one in trial.frames] == [
        ('top_camera', 0, 0), ('top_camera', 0, 1)]
    assert (trial.frames[1].color() == frame(1).color).all()
    assert trial.camera_infos['top_camera'].width == 4 and (trial.purpose, trial.candidate) == ('screen', 4)
    assert np.isnan(trial.measurements['a_m']) and trial.requests[2, 0] == 2.5


@pytest.mark.parametrize('taken, most, kept', [(5, 8, 5), (8, 8, 8), (9, 8, 5), (17, 8, 5), (1000, 8, 8), (5, 0, 0)])
def test_of_many_pictures_an_even_share_is_kept(taken, most, kept):
    notes = recorded(frames=taken, most=most)
    numbers = [number for number, _, _ in notes.frames]
    assert len(numbers) == kept and notes.frames_left_out == taken - kept
    assert len(set(np.diff(numbers))) <= 1 and (not kept or numbers[-1] >= taken - 2 * (taken // kept + 1))


def test_of_two_cameras_that_take_turns_each_keeps_its_share():
    notes = recording.Recording(8)
    for number, camera in enumerate(50 * ['top_camera', 'left_wrist_camera']):
        notes.frame(Frame(camera, number, np.zeros((3, 4, 3), np.uint8)), info())
    cameras = [one.camera for _, _, one in notes.frames]
    assert len(cameras) <= 8 and cameras.count('top_camera') == cameras.count('left_wrist_camera') >= 2
    assert notes.frames_left_out == 100 - len(cameras)


def test_more_cameras_than_pictures_are_kept_of_leave_the_bound():
    notes = recording.Recording(3)
    for number in range(10):
        notes.frame(Frame(f'camera_{number % 5}', number, np.zeros((3, 4, 3), np.uint8)), info())
    assert len(notes.frames) == 3 and notes.frames_left_out == 7


@pytest.mark.parametrize('status', [reports.VOID, reports.CANCELED, reports.UNKNOWN])
def test_a_rollout_without_a_verdict_that_counts_is_not_kept(folder, status):
    folder.put(report(status), recorded())
    folder.flush()
    assert not os.path.exists(folder.folder)


def test_a_full_disk_costs_the_data_and_a_line_in_the_log_and_nothing_else(folder, said, monkeypatch):
    def full(*args, **options):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(recording, 'write_bytes', full)
    folder.put(report(), recorded())
    folder.put(report(trial_id='u'), recorded())
    folder.flush()
    assert 'the data of trial t is not kept, its result is' in said[0] and 'No space left' in said[1]


def test_from_a_size_of_the_folder_on_there_are_no_pictures_and_that_is_said_once(tmp_path, said):
    folder = recording.DataFolder(str(tmp_path / 'data'), said.append, folder_bytes=1000)
    for name in 'abc':
        folder.put(report(trial_id=name), recorded())
    folder.close()
    kept = [training.load_trial(folder.path(name)) for name in 'abc']
    assert [(len(one.frames), one.frames_left_out, len(one.requests)) for one in kept] == [
        (2, 0, 3), (0, 2, 3), (0, 2, 3)]
    assert len(said) == 1 and 'without pictures' in said[0]


def test_a_file_that_is_none_is_named(tmp_path):
    (tmp_path / 'x.npz').write_bytes(b'PK')
    (tmp_path / 'z.npz').write_bytes(b'PK\x03\x04' + bytes(40))
    for name in ('x.npz', 'y.npz', 'z.npz'):
        with pytest.raises(ValueError, match=f'{name}: expected the data of a trial'):
            training.load_trial(str(tmp_path / name))
