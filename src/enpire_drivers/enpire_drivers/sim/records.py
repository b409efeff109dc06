"""The full state of a simulated station before a phase of a trial, as one file.

A record is a zipped npz without pickles. Together with the scene folder it is all that a replay needs:
physics, follower, tick, the pose snapshots behind the cameras' newest frames, and the parameters that
were drawn for the station. It holds ground truth: files are 0600 in a folder of 0700.

A checksum over all of it tells a damaged file from a whole one. `digest` is another thing, the state's
own name, which reports and manifests carry. A file is called after its own SHA-256: whoever keeps the name, as a
ledger does, can tell that not one byte of it was changed, those of the zip around it included.

Not covered: the scene itself (its digest is in the record and is compared), and the safety gate and
trial server, which keep no state from one phase to the next. The checksum is no signature: whoever can
write the file can write another.
"""

import hashlib
import io
import json
import os
import stat
from dataclasses import dataclass, field

import numpy as np

from enpire_core.files import write_bytes
from enpire_core.ticks import TICK_RATE_HZ

# 2: with a checksum.
FORMAT = 2
# Stamps have 31 bits of seconds on the graph: 68 years of the unit's clock.
MAX_TICK = TICK_RATE_HZ * (2**31 - 1)
SUFFIX = '.npz'
_TEXTS = ('unit', 'trial_id', 'phase', 'scene_digest', 'digest')
_NUMBERS = ('lab_seed', 'tick')
_SNAPSHOT = 'snapshot_'


class RecordError(ValueError):
    """A record that cannot be written, read or used; the text names the file where there is one."""


@dataclass(frozen=True)
class Record:
    """One recorded state.

    ``parameters``: the station's parameters as plain JSON values; ``cameras``: profile 'WxHxF' by
    camera; ``frame_ticks``: the tick of each camera's newest frame; ``snapshots``: what that tick
    looked like, by tick; ``digest``: SHA-256 (hex) of world, follower and tick.
    """

    unit: str
    lab_seed: int
    trial_id: str
    phase: str
    tick: int
    scene_digest: str
    digest: str
    world: bytes
    follower: bytes
    parameters: dict
    cameras: dict = field(default_factory=dict)
    frame_ticks: dict = field(default_factory=dict)
    snapshots: dict = field(default_factory=dict)


def encode(record):
    """Return ``record`` as the bytes of a record file."""
    meta = {name: getattr(record, name) for name in (*_TEXTS, *_NUMBERS)}
    meta.update(format=FORMAT, parameters=record.parameters, cameras=record.cameras,
                frame_ticks=record.frame_ticks)
    parts = {'meta': json.dumps(meta, sort_keys=True).encode(), 'world': record.world,
             'follower': record.follower,
             **{f'{_SNAPSHOT}{tick}': data for tick, data in record.snapshots.items()}}
    parts['checksum'] = _checksum(parts)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: np.frombuffer(data, np.uint8) for name, data in parts.items()})
    return buffer.getvalue()


def _checksum(parts):
    """Return the SHA-256 over all ``parts`` (bytes by name), each with its name and length before it."""
    digest = hashlib.sha256()
    for name in sorted(parts):
        digest.update(f'{name} {len(parts[name])}\n'.encode())
        digest.update(parts[name])
    return digest.digest()


def decode(data, name='record'):
    """Return the Record in ``data``; RecordError, naming ``name``, for anything else."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            parts = {key: arrays[key].tobytes() for key in arrays.files}
        meta = json.loads(parts['meta'])
        if meta['format'] != FORMAT:
            raise RecordError(f'{name}: expected a record of format {FORMAT}, got {meta["format"]!r}: '
                              'replay it with the version that wrote it')
        found = _checksum({key: value for key, value in parts.items() if key != 'checksum'})
        if parts['checksum'] != found:
            raise RecordError(f'{name}: expected the checksum {parts["checksum"].hex()}, the file has '
                              f'{found.hex()}: it was damaged or changed')
        return _record(meta, parts)
    except RecordError:
        raise
    except Exception as error:  # numpy, zipfile, zlib and json have one each for a file that is none
        raise RecordError(f'{name}: expected a state record, got a file that cannot be read as one '
                          f'({type(error).__name__}: {error})') from error


def _record(meta, parts):
    """Return the Record of what stood in a file; ValueError, TypeError, KeyError for anything unsound."""
    values = {key: _typed(meta, key, str) for key in _TEXTS}
    values.update({key: _typed(meta, key, int) for key in _NUMBERS})
    values.update({key: _typed(meta, key, dict) for key in ('parameters', 'cameras', 'frame_ticks')})
    if not 0 <= values['tick'] <= MAX_TICK:
        raise ValueError(f'expected a tick in [0, {MAX_TICK}], got {values["tick"]}')
    for camera in values['cameras']:
        _typed(values['cameras'], camera, str)
    ticks = {_typed(values['frame_ticks'], camera, int) for camera in values['frame_ticks']}
    snapshots = {int(key[len(_SNAPSHOT):]): value for key, value in parts.items() if key.startswith(_SNAPSHOT)}
    if ticks != set(snapshots):
        raise ValueError(f'expected the snapshots of ticks {sorted(ticks)}, got those of {sorted(snapshots)}')
    return Record(world=parts['world'], follower=parts['follower'], snapshots=snapshots, **values)


def _typed(meta, key, kind):
    value = meta[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f'{key} is {value!r}')
    return value


def open_folder(folder):
    """Make ``folder`` if need be, for its owner alone (0700), and return its absolute path.

    PermissionError for a folder that others may look into: whose it is, and who shall see it, is not
    decided here. OSError where it can't be made.
    """
    path = os.path.abspath(folder)
    try:
        os.makedirs(path, mode=0o700)
    except FileExistsError:
        mode = stat.S_IMODE(os.stat(path).st_mode)
        if mode & 0o077:
            raise PermissionError(f'records: expected a folder for its owner alone (0700) at {path}, got one '
                                  f'of mode {mode:04o}: name another, or run chmod 700 on it') from None
    return path


def write(folder, record):
    """Write ``record`` whole into ``folder`` (see open_folder) and return its file name.

    The name is '<trial_id>.<phase>.<SHA-256 of the file>.npz': another record never takes its place.
    """
    data = encode(record)
    name = f'{record.trial_id}.{record.phase}.{hashlib.sha256(data).hexdigest()}{SUFFIX}'
    write_bytes(os.path.join(folder, name), data, mode=0o600)
    return name


def sha256_in(name):
    """Return the SHA-256 (hex) that the record file ``name`` is called after, or whatever stands in its place."""
    return name.removesuffix(SUFFIX).rpartition('.')[2]


def read(path):
    """Return the Record in the file ``path``; RecordError where there is none or it is damaged."""
    try:
        with open(path, 'rb') as handle:
            data = handle.read()
    except OSError as error:
        raise RecordError(f'expected a readable state record at {path}: {error.strerror}') from error
    return decode(data, path)


def check_fits(record, name, scene_digest, profiles):
    """Raise RecordError, naming ``name``, unless ``record`` is of that scene and of a station with those cameras.

    ``profiles``: `cameras.Profile` by camera.
    """
    if record.scene_digest != scene_digest:
        raise RecordError(f'{name}: expected a record of scene {scene_digest}, got one of {record.scene_digest}: start '
                          'the station with that scene')
    ours = {camera: str(profile) for camera, profile in profiles.items()}
    if record.cameras != ours:
        raise RecordError(f'{name}: expected the camera profiles {ours}, got {record.cameras}: start the station with '
                          'those')
    newest = {camera: profile.newest_tick(record.tick) for camera, profile in profiles.items()}
    if record.frame_ticks != newest:
        raise RecordError(f'{name}: expected at tick {record.tick} the frames of {newest}, got {record.frame_ticks}: '
                          'the record contradicts itself')
