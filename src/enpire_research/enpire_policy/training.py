"""What a training script, one Python file that the train server runs, may import.

    from enpire_policy.training import artifact_path, report, seed, trials

    examples = [trial for trial in trials() if trial.status == 'succeeded']
    for step in range(1000):
        ...
        report(step, loss=loss)              # numbers; shown while it runs, kept in metrics.jsonl
    ...                                      # write one ONNX file to artifact_path, and return

`seed` (`random` and `numpy.random` are seeded with it), `threads` (CPU threads that it shall use; numeric
libraries are told), `artifact_path`, `time_budget_s` and `memory_budget_bytes` are what the goal said. `trials()`
are those that its query chose. A script ends with status 0 and a file at `artifact_path`, or it has failed.

It runs in an empty folder of its own, behind the stations in line for the CPU, and confined: no network, no other
process, no file but the packages, its data and its own folder, which lies in memory and counts as such.
"""

import io
import json
import math
import os
import threading
import time
import zipfile
import zlib
from dataclasses import dataclass, field

import numpy as np

# Of the environment: JSON with what _NAMES maps to, `pipe` (a file descriptor) and `end_s` (steady seconds).
VARIABLE = 'ENPIRE_TRAINING'
INDEX = 'trials.json'
MAX_METRICS, MAX_NAME = 64, 64
_NAMES = {'seed': 'seed', 'threads': 'threads', 'artifact_path': 'artifact', 'data_path': 'data',
          'time_budget_s': 'time_budget_s', 'memory_budget_bytes': 'memory_budget_bytes', 'nice': 'nice'}
_lock = threading.Lock()


def __getattr__(name):
    if name not in _NAMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return _given()[_NAMES[name]]


def _given():
    text = os.environ.get(VARIABLE)
    if not text:
        raise RuntimeError('expected to be run by the train server (enpire train my_train.py), got a process without '
                           f'{VARIABLE}')
    return json.loads(text)


def time_left():
    """Return the wall seconds until the script is ended."""
    return _given()['end_s'] - time.monotonic()


def report(step, **metrics):
    """Show and keep the ``metrics`` (numbers by name) of ``step``, a whole number from 0. ValueError: they are none."""
    if isinstance(step, bool) or int(step) != step or step < 0:
        raise ValueError(f'step: expected a whole number from 0, got {step!r}')
    if not 1 <= len(metrics) <= MAX_METRICS or any(len(name) > MAX_NAME for name in metrics):
        raise ValueError(f'expected 1 to {MAX_METRICS} metrics with names of at most {MAX_NAME} characters, got '
                         f'{len(metrics)}')
    send({'step': int(step), 'metrics': {name: float(value) for name, value in metrics.items()}})


def send(message):
    """Write ``message`` to the train server: one line of JSON. For the host; scripts use `report`."""
    data = memoryview(json.dumps(message).encode() + b'\n')
    with _lock:
        while data:
            data = data[os.write(_given()['pipe'], data):]


# ---- trials --------------------------------------------------------------------------------
@dataclass(frozen=True)
class RecordedFrame:
    """A picture that the policy took. ``tick``: requests before it; ``stamp_ns``: when it was taken; `color()`."""

    camera: str
    tick: int
    stamp_ns: int
    _png: bytes = field(repr=False)

    def color(self):
        """Return the picture, (H, W, 3) uint8 RGB."""
        import cv2

        return np.ascontiguousarray(cv2.imdecode(np.frombuffer(self._png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1])


@dataclass(frozen=True)
class Trial:
    """What one policy did in one rollout, as far as it drove: neither the retreat nor the reset.

    For tick i: ``stamps_ns`` (N,) of the unit's clock; ``positions`` (N, 14) measured [rad, m] when it was asked;
    ``requests`` (N, 14) what it asked for, in the order of enpire_policy.JOINT_NAMES. ``frames``: RecordedFrames
    in order; ``frames_left_out``: how many more it took. ``camera_infos``: CameraInfo by camera, nominal.
    ``score``, ``measurements``: the frozen verifier's, NaN where it couldn't tell. ``purpose``, ``candidate``:
    the campaign's, '' and -1 without one.
    """

    trial_id: str
    unit: str
    task: str
    status: str
    score: float
    measurements: dict
    seed: int
    policy_hash: str
    artifact_hash: str
    stamps_ns: np.ndarray
    positions: np.ndarray
    requests: np.ndarray
    frames: tuple
    frames_left_out: int
    camera_infos: dict
    purpose: str = ''
    candidate: int = -1


def trials():
    """Yield the Trials that the query chose, in the order of (end of the trial, unit); one at a time in memory."""
    folder = _given()['data']
    with open(os.path.join(folder, INDEX), encoding='utf-8') as handle:
        chosen = json.load(handle)
    for one in chosen:
        yield load_trial(os.path.join(folder, one['file']), one.get('purpose', ''), one.get('candidate', -1))


def load_trial(path, purpose='', candidate=-1):
    """Return the Trial in the file ``path``; ValueError, naming it, where it is none."""
    from enpire_core.types import CameraInfo

    try:
        with open(path, 'rb') as handle, np.load(io.BytesIO(handle.read()), allow_pickle=False) as values:
            about = json.loads(str(values['about']))
            ends = np.cumsum(values['frame_bytes'])
            pixels = values['frames'].tobytes()
            frames = tuple(RecordedFrame(str(camera), int(tick), int(stamp), pixels[end - size:end])
                           for camera, tick, stamp, size, end in zip(
                               values['frame_cameras'], values['frame_ticks'], values['frame_stamps_ns'],
                               values['frame_bytes'], ends))
            infos = {one['camera']: CameraInfo(one['camera'], one['width'], one['height'], np.array(one['matrix']),
                                               one['parent'], np.array(one['pose'])) for one in about['camera_infos']}
            return Trial(
                **{name: about[name] for name in ('trial_id', 'unit', 'task', 'status', 'seed', 'policy_hash',
                                                  'artifact_hash', 'frames_left_out')},
                score=_nan(about['score']),
                measurements={name: _nan(value) for name, value in about['measurements'].items()},
                stamps_ns=values['stamps_ns'], positions=values['positions'], requests=values['requests'],
                frames=frames, camera_infos=infos, purpose=purpose, candidate=candidate)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f'{path}: expected the data of a trial, got {type(error).__name__}: {error}') from error


def _nan(value):
    return math.nan if value is None else float(value)
