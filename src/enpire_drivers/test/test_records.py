"""Records: whole, private, self-sufficient, and a replay from one has the same bits."""

import dataclasses
import hashlib
import json
import os
import re
import stat
import subprocess
import sys

import numpy as np
import pytest
from fake_world import FakeWorld, make_station

from enpire_core.files import sha256_file
from enpire_core.types import JointCommand
from enpire_drivers.sim import records
from enpire_drivers.sim.records import RecordError
from enpire_drivers.sim.station import EpisodeError


def drive(station, ticks, seed=3):
    """Move ``station`` by random commands and return what it measured, as bytes."""
    random = np.random.default_rng(seed)
    seen = []
    for _ in range(ticks):
        state = station.observe()
        state = station.command(JointCommand(state.stamp_ns, state.positions + random.normal(0, 0.02, 14),
                                             random.normal(0, 0.1, 14)))
        seen.append(state.positions.tobytes() + station.frame('left_wrist_camera').color.tobytes())
    return b''.join(seen)


def original(tmp_path):
    """Return (path of a record, what was measured after it, digest at the end)."""
    station = make_station(tmp_path, offset=0.01)
    station.begin('t0', 'reset')
    drive(station, 8, seed=1)
    station.end('t0')
    start = station.begin('t0', 'rollout')
    seen = drive(station, 20)
    return tmp_path / 'records' / start.record, seen, station.end('t0').digest


def test_a_replay_from_a_record_has_the_same_bits(tmp_path):
    path, seen, digest = original(tmp_path)
    replay = make_station(unit='unit7', lab_seed=99)
    replay.restore(path)
    assert (replay.unit, replay.lab_seed, replay.tick) == ('unit0', 1, 8)
    replay.begin('again', 'rollout')
    assert drive(replay, 20) == seen
    assert replay.end('again').digest == digest


def test_a_replay_in_another_process_has_the_same_bits(tmp_path):
    path, seen, digest = original(tmp_path)
    code = ('import sys, json, hashlib; sys.path.insert(0, sys.argv[1])\n'
            'from test_records import drive; from fake_world import make_station\n'
            'station = make_station(); station.restore(sys.argv[2]); station.begin("again", "rollout")\n'
            'seen = drive(station, 20)\n'
            'print(json.dumps([hashlib.sha256(seen).hexdigest(), station.end("again").digest]))\n')
    done = subprocess.run([sys.executable, '-c', code, os.path.dirname(__file__), str(path)],
                          check=True, capture_output=True, text=True, timeout=60,
                          env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)})
    assert json.loads(done.stdout) == [hashlib.sha256(seen).hexdigest(), digest]


def test_the_digest_of_a_record_is_that_of_the_restored_state(tmp_path):
    station = make_station(tmp_path)
    start = station.begin('t0', 'reset')
    replay = make_station()
    assert replay.restore(tmp_path / 'records' / start.record) == start.digest == replay.digest()


def test_records_are_readable_by_their_owner_alone(tmp_path):
    path, _, _ = original(tmp_path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700


def test_a_record_is_never_overwritten(tmp_path):
    station = make_station(tmp_path)
    names = []
    for _ in range(3):
        names.append(station.begin('t', 'reset').record)
        drive(station, 2)
        station.end('t')
    assert sorted(os.listdir(tmp_path / 'records')) == sorted(set(names)) and len(set(names)) == 3


def test_a_record_is_called_after_its_trial_its_phase_and_its_own_sha256(tmp_path):
    name = make_station(tmp_path).begin('t.1', 'reset').record
    found = sha256_file(tmp_path / 'records' / name)
    assert name == f't.1.reset.{found}.npz' and records.sha256_in(name) == found


def test_a_record_that_cannot_be_written_begins_nothing(tmp_path):
    (tmp_path / 'records').write_text('a file where the folder should be')
    station = make_station(tmp_path)
    with pytest.raises(OSError):
        station.begin('t', 'reset')
    assert station.episode == ('', '')


@pytest.mark.parametrize('damage', [lambda data: b'', lambda data: data[:-30], lambda data: b'x' * 100,
                                    lambda data: data[:200] + b'\0' * 40 + data[240:]])
def test_a_damaged_record_is_refused_and_the_station_stays_as_it_was(tmp_path, damage):
    path, _, _ = original(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    station = make_station()
    before = station.digest()
    with pytest.raises(RecordError, match=re.escape(path.name)):
        station.restore(path)
    assert station.digest() == before


def test_a_record_whose_state_was_changed_is_refused(tmp_path):
    path, _, _ = original(tmp_path)
    record = records.read(path)
    world = np.frombuffer(record.world).copy()
    world[0] += 1e-9
    path.write_bytes(records.encode(records.Record(**{**vars(record), 'world': world.tobytes()})))
    station = make_station(offset=0.01)
    before = station.digest()
    with pytest.raises(RecordError, match='digest'):
        station.restore(path)
    assert station.digest() == before


def test_a_record_of_another_scene_is_refused(tmp_path):
    path, _, _ = original(tmp_path)
    with pytest.raises(RecordError, match='scene'):
        make_station(scene_digest='other').restore(path)


def test_a_record_of_other_cameras_is_refused(tmp_path):
    path, _, _ = original(tmp_path)
    with pytest.raises(RecordError, match='camera profiles'):
        make_station(profiles={}).restore(path)


def test_a_missing_record_is_named(tmp_path):
    with pytest.raises(RecordError, match='nowhere.npz'):
        make_station().restore(tmp_path / 'nowhere.npz')


def test_nothing_is_restored_inside_an_episode(tmp_path):
    path, _, _ = original(tmp_path)
    station = make_station()
    station.begin('t', 'reset')
    with pytest.raises(EpisodeError, match='lockstep'):
        station.restore(path)


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def test_a_pickle_in_a_record_is_never_run(tmp_path):
    path, mark = tmp_path / 'evil.npz', tmp_path / 'ran'
    np.savez(path, meta=np.array([Evil(str(mark))], dtype=object), allow_pickle=True)
    with pytest.raises(RecordError, match='evil.npz'):
        records.read(path)
    assert not mark.exists()
    np.load(path, allow_pickle=True)['meta']
    assert mark.exists()  # it would have been seen


def rewritten(path, **changes):
    """Write the record at ``path`` anew with other fields, its checksum right."""
    path.write_bytes(records.encode(dataclasses.replace(records.read(path), **changes)))


@pytest.mark.parametrize('changes, text', [
    ({'tick': -3}, 'tick in .*got -3'), ({'tick': 2**70}, 'tick in'), ({'tick': True}, 'tick is True'),
    ({'tick': 9}, 'contradicts itself'), ({'lab_seed': 'x'}, 'lab_seed'),
    ({'parameters': {'offset': 'much'}}, "'str'"), ({'parameters': {}, 'digest': 'other'}, 'digest'),
    ({'parameters': {'offset': float('nan')}}, 'offset'), ({'parameters': {'wrong': 1.0}}, 'wrong'),
    ({'frame_ticks': {'top_camera': 8, 'left_wrist_camera': 8}}, 'snapshots of ticks'),
    ({'frame_ticks': {}, 'snapshots': {}}, 'contradicts itself'), ({'cameras': {'top_camera': 7}}, 'top_camera'),
    ({'snapshots': {}}, 'snapshots of ticks'), ({'follower': b'123'}, 'follower state'),
    ({'world': b''}, 'values'), ({'world': np.full(28, np.nan).tobytes()}, 'finite')])
def test_a_record_that_cannot_be_is_refused_by_name_and_changes_nothing(tmp_path, changes, text):
    path, _, _ = original(tmp_path)
    rewritten(path, **changes)
    station = make_station(offset=0.01)
    station.begin('t', 'reset')
    drive(station, 3)
    station.end('t')
    before = station.digest(), station.tick, station.observe(), station.parameters, station.unit
    with pytest.raises(RecordError, match=f'{re.escape(path.name)}: .*{text}'):
        station.restore(path)
    assert (station.digest(), station.tick, station.observe(), station.parameters, station.unit) == before


@pytest.mark.parametrize('part', ['parameters', 'cameras', 'frame_ticks', 'unit', 'lab_seed', 'snapshot'])
def test_a_change_anywhere_in_a_record_is_seen_though_the_state_has_its_digest(tmp_path, part):
    path, _, _ = original(tmp_path)
    with np.load(path) as arrays:
        parts = dict(arrays)
    meta = json.loads(parts['meta'].tobytes())
    if part == 'snapshot':
        parts['snapshot_6'] = parts['snapshot_6'] ^ 1
    else:
        meta[part] = {'parameters': {'offset': 0.02}, 'cameras': {}, 'frame_ticks': {}, 'unit': 'unit3',
                      'lab_seed': 5}[part]
    parts['meta'] = np.frombuffer(json.dumps(meta, sort_keys=True).encode(), np.uint8)
    np.savez(path, **parts)
    with pytest.raises(RecordError, match=f'{re.escape(path.name)}: expected the checksum'):
        records.read(path)


@pytest.mark.parametrize('error', [RuntimeError('out of memory'), KeyboardInterrupt()])
def test_whatever_goes_wrong_while_a_state_is_put_in_the_old_one_is_put_back(tmp_path, monkeypatch, error):
    path, _, _ = original(tmp_path)
    station = make_station(offset=0.01)
    before = station.digest()

    def fails(stamp_ns):
        raise error
    monkeypatch.setattr(station.world, 'joint_state', fails)
    with pytest.raises(RecordError if isinstance(error, Exception) else KeyboardInterrupt):
        station.restore(path)
    assert station.digest() == before and station.tick == 0


def test_a_folder_that_others_may_look_into_is_refused_and_left_as_it_is(tmp_path):
    folder = tmp_path / 'records'
    folder.mkdir()
    folder.chmod(0o750)
    station = make_station(tmp_path)
    with pytest.raises(PermissionError, match='0750.*chmod 700'):
        station.begin('t', 'reset')
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750 and not list(folder.iterdir())
    assert station.episode == ('', '')
    folder.chmod(0o700)
    assert [station.begin('t', 'reset').record] == os.listdir(folder)


def test_the_worlds_parameters_come_from_the_record(tmp_path):
    path, _, _ = original(tmp_path)
    made = []

    def make_world(parameters):
        made.append(parameters)
        return FakeWorld(parameters)

    station = make_station(make_world=make_world)
    station.restore(path)
    assert [p.offset for p in made] == [0.0, 0.01] and station.parameters.offset == 0.01
