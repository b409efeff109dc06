"""What a policy saw and asked for in one rollout, kept for training: `<station>/data/<trial_id>.npz`.

Collected in memory while the policy drives (a reference each for its states and requests, and the frames that
it captured anyway), compressed and written when the rollout is over, by a thread of its own that steps back behind
everything else. It changes no digest, and its failure no result: what went wrong is logged. Only rollouts with a
verdict that counts (SUCCEEDED, FAILED) are kept. `enpire_policy.training.load_trial` reads the file.

Bounded: at most ``max_frames`` frames a rollout (of more, every second one of each camera goes, then every fourth,
...), and ``folder_bytes`` a station, after which files hold no frames any more.
"""

import collections
import concurrent.futures
import io
import json
import math
import os
import shutil

import numpy as np

from enpire_core.files import write_bytes
from enpire_core.joints import JOINT_COUNT
from enpire_research.trials import report as reports
from enpire_research.trials import wire

DATA = 'data'
MAX_FRAMES = 64
FOLDER_BYTES = 2 << 30
# What a disk shall have left after a file.
_SPARE_BYTES = 1 << 30
_NICE = 10
_PNG_LEVEL = 1


class Recording:
    """Notes of one rollout. ``max_frames``: 0 keeps none."""

    def __init__(self, max_frames=MAX_FRAMES):
        self._max_frames, self._stride, self._captured = max_frames, 1, collections.Counter()
        self.states, self.requests, self.frames, self.camera_infos = [], [], [], {}

    def step(self, state, positions):
        """Note a request (14,) and the JointState that it answers."""
        self.states.append(state)
        self.requests.append(positions)

    def frame(self, frame, info):
        """Note a Frame that the policy captured now, and its nominal CameraInfo."""
        # Counted by camera: of several that take turns, each keeps its share.
        number = self._captured[frame.camera]
        self._captured[frame.camera] += 1
        if number % self._stride == 0 and len(self.frames) == self._max_frames:
            self._stride *= 2
            self.frames = [kept for kept in self.frames if kept[0] % self._stride == 0]
        if number % self._stride or len(self.frames) == self._max_frames:
            return
        self.camera_infos[frame.camera] = info
        self.frames.append((number, len(self.requests), frame))

    @property
    def frames_left_out(self):
        """Frames that were captured and not kept."""
        return self._captured.total() - len(self.frames)


def encode(report, recording, with_frames=True):
    """Return the bytes of the file of a rollout's Report and Recording."""
    frames = recording.frames if with_frames else []
    pngs = [_png(frame.color) for _, _, frame in frames]
    about = {name: getattr(report, name) for name in (
        'trial_id', 'unit', 'task', 'status', 'seed', 'policy_hash', 'artifact_hash', 'simulated', 'error_code')}
    about.update(score=_none(report.score), measurements={n: _none(v) for n, v in report.measurements.items()},
                 frames_left_out=recording.frames_left_out + len(recording.frames) - len(frames),
                 camera_infos=[wire.pack_camera_info(info) for info in recording.camera_infos.values()])
    held = io.BytesIO()
    np.savez_compressed(
        held, about=np.array(json.dumps(about, sort_keys=True)),
        stamps_ns=np.array([state.stamp_ns for state in recording.states], np.int64),
        positions=np.array([state.positions for state in recording.states], np.float64).reshape(-1, JOINT_COUNT),
        requests=np.array(recording.requests, np.float64).reshape(-1, JOINT_COUNT),
        frame_cameras=np.array([frame.camera for _, _, frame in frames], np.str_),
        frame_ticks=np.array([tick for _, tick, _ in frames], np.int64),
        frame_stamps_ns=np.array([frame.stamp_ns for _, _, frame in frames], np.int64),
        frame_bytes=np.array([len(png) for png in pngs], np.int64),
        frames=np.frombuffer(b''.join(pngs), np.uint8))
    return held.getvalue()


def _png(color):
    import cv2

    done, data = cv2.imencode('.png', color[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])
    if not done:
        raise ValueError('expected a picture that can be written as PNG')
    return data.tobytes()


def _none(value):
    return None if math.isnan(value) else value


class DataFolder:
    """Writes recordings into ``folder``, one after another, in a thread of its own. ``log(text)``: troubles.

    One thread at a time may use it.
    """

    def __init__(self, folder, log, folder_bytes=FOLDER_BYTES):
        self.folder, self._log, self._most = os.path.abspath(folder), log, folder_bytes
        self._bytes, self._told_full = None, False
        self._pending = None
        self._writer = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix='trial data', initializer=_step_back)

    def path(self, trial_id):
        """Return where the data of ``trial_id`` lies."""
        return os.path.join(self.folder, f'{trial_id}.npz')

    def put(self, report, recording):
        """Have the file written soon; waits for the one before, so that at most one recording is in memory twice."""
        self.flush()
        if report.status in (reports.SUCCEEDED, reports.FAILED) and recording.states:
            self._pending = self._writer.submit(self._write, report, recording)

    def flush(self):
        """Wait until what was put is written."""
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def close(self):
        """Wait for the last one and end the thread."""
        self.flush()
        self._writer.shutdown()

    def _write(self, report, recording):
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            if self._bytes is None:
                self._bytes = sum(entry.stat().st_size for entry in os.scandir(self.folder))
            room = self._bytes < self._most and shutil.disk_usage(self.folder).free > _SPARE_BYTES
            if not (room or self._told_full):
                self._told_full = True
                self._log(f'{self.folder}: expected less than {self._most >> 20} MiB of trial data, and '
                          f'{_SPARE_BYTES >> 20} MiB left on the disk: from {report.trial_id} on it is kept without '
                          'pictures')
            data = encode(report, recording, room)
            # Trainings get links to it: what they write by mistake shall not change it.
            write_bytes(self.path(report.trial_id), data, mode=0o400)
            self._bytes += len(data)
        except Exception as error:  # whatever it is, the trial has its result already, and the next one its turn
            self._log(f'the data of trial {report.trial_id} is not kept, its result is: '
                      f'{type(error).__name__}: {error}')


def _step_back():
    """Let this thread wait for the CPU where a tick wants it; Linux counts nice by thread."""
    os.setpriority(os.PRIO_PROCESS, 0, min(19, os.getpriority(os.PRIO_PROCESS, 0) + _NICE))
