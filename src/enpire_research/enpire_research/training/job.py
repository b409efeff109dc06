"""One training: a script runs in a process of its own within its budget; what it wrote is checked and kept.

`run` raises nothing that a script can bring about: each way in which it can end has a code of Train.action and a
text. Time comes as an argument.

Folder of a training, `<run>/training/<id>/`: train.py as it was run, output.log (1 MB at most), metrics.jsonl
(one line a report), result.json. The artifact goes into `<artifacts>/<SHA-256>.onnx`.
"""

import contextlib
import hashlib
import json
import math
import os
import shutil
from dataclasses import asdict, dataclass, field
from typing import Any, Callable

from enpire_core.files import write_bytes, write_json
from enpire_core.processes import ended
from enpire_policy.artifact import MAX_ARTIFACT_BYTES
from enpire_policy.training import MAX_METRICS, MAX_NAME
from enpire_research.training.child import Child
from enpire_research.training.data import lay_out
from enpire_research.trials.given import read_bounded
from enpire_research.trials.policy_process import PolicyFailure
from enpire_research.trials.station import never
from enpire_safety.sandbox import choice

# Of Train.action; a test compares them with the file.
(NONE, INVALID_GOAL, BUSY, UNREADABLE, FAILED, TIME, MEMORY, NO_ARTIFACT, BAD_ARTIFACT, CANCELED, INTERNAL) = (
    0, 300, 301, 302, 303, 304, 305, 306, 307, 308, 309)
HOST, CHECK = 'enpire_research.training.host', 'enpire_research.training.check'
ARTIFACT = 'artifact.onnx'
TEXT_LIMIT = 8000
MAX_METRICS_BYTES = 16 << 20
CHECK_S, CHECK_BYTES = 120.0, 2 << 30
# So often messages are taken in, the memory is looked at, and whoever listens hears of a step at most.
_POLL_S, _LOOK_S, _STEP_S = 0.1, 0.2, 0.1


class TrainingFailure(Exception):
    """A training's own end: ``code`` of Train.action and the text for people."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True)
class Job:
    """What to train. ``trials``: `data.Chosen`s; ``folder``: of this training, made; ``artifacts``: where to;
    ``nice``: 0 to 19, how far its processes stand back."""

    source: str
    seed: int
    time_budget_s: float
    memory_budget_bytes: int
    threads: int
    trials: tuple
    folder: str
    artifacts: str
    nice: int


@dataclass(frozen=True)
class Hooks:
    """What a training tells and asks its surroundings, from the thread that runs it.

    ``clock()``: steady seconds; ``feedback(step, metrics, elapsed_s, text)``: at each reported step, ten times a
    second at most, and else every ``period_s``; ``cancelled()``: looked at ten times a second; ``log(text)``;
    ``launcher``: for tests, another than the sandbox of this machine.
    """

    clock: Callable
    feedback: Callable = never
    period_s: float = 0.25
    cancelled: Callable = never
    log: Callable = never
    environ: dict = field(default_factory=dict)
    launcher: Any = None


@dataclass
class Outcome:
    """What came of it. ``code``: of Train.action; ``metrics``: the last value of each."""

    code: int = NONE
    text: str = ''
    artifact_file: str = ''
    artifact_hash: str = ''
    inputs: dict = field(default_factory=dict)
    outputs: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)
    wall_s: float = 0.0
    cpu_s: float = 0.0


def run(job, hooks):
    """Run ``job`` and return its Outcome. OSError where our own disk fails; SandboxError: nothing can confine it."""
    outcome, began_s = Outcome(), hooks.clock()
    launcher = hooks.launcher or choice.launcher()
    try:
        _Run(job, hooks, launcher, outcome, began_s).run()
    except TrainingFailure as failure:
        outcome.code, outcome.text = failure.code, failure.text
    outcome.wall_s = hooks.clock() - began_s
    values = asdict(outcome)
    values['metrics'] = {name: value if math.isfinite(value) else None for name, value in outcome.metrics.items()}
    values.update(seed=job.seed, trials=len(job.trials), time_budget_s=job.time_budget_s,
                  memory_budget_bytes=job.memory_budget_bytes, threads=job.threads,
                  train_hash=hashlib.sha256(job.source.encode()).hexdigest())
    write_json(os.path.join(job.folder, 'result.json'), values)
    return outcome


class _Run:
    def __init__(self, job, hooks, launcher, outcome, began_s):
        self._job, self._hooks, self._launcher, self._outcome, self._began_s = job, hooks, launcher, outcome, began_s
        self._given = {'seed': job.seed, 'threads': job.threads, 'end_s': began_s + job.time_budget_s,
                       'time_budget_s': job.time_budget_s, 'memory_budget_bytes': job.memory_budget_bytes,
                       'nice': job.nice}
        self._step, self._said, self._raised, self._checked = 0, {}, None, {}
        self._told_s = self._looked_s = -math.inf
        self._metrics_bytes, self._last_line = 0, ''

    def run(self):
        write_bytes(os.path.join(self._job.folder, 'train.py'), self._job.source.encode())
        home = self._launcher.home(self._job.memory_budget_bytes)
        try:
            with open(os.path.join(self._job.folder, 'metrics.jsonl'), 'w', encoding='utf-8') as self._metrics, \
                    self._shown(home) as shown:
                script, data = os.path.join(shown, 'train.py'), os.path.join(shown, 'data')
                write_bytes(script, self._job.source.encode(), 0o444)
                lay_out(self._job.trials, data, home.uid is not None)
                given = {**self._given, 'data': data, 'artifact': os.path.join(home.path, ARTIFACT)}
                status = self._watched(HOST, script, home, given, [script, data], 'output.log',
                                       self._job.time_budget_s)
            if status != 0:
                raise TrainingFailure(FAILED, f'it {ended(status)}: a script that has done its work ends with 0'
                                      + (f'. Its last line: {self._last_line}' if self._last_line else ''))
            data = _read_artifact(home.folder)
        finally:
            home.close()
        self._take_artifact(data)

    @contextlib.contextmanager
    def _shown(self, home):
        """A folder for what the script shall see: in the run, unless another user must find his way to it."""
        folder = os.path.join(home.path if home.on_disk else self._job.folder, 'shown')
        os.mkdir(folder, 0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    # ---- the script ------------------------------------------------------------------------
    def _watched(self, module, word, home, given, shown, log, time_s):
        """Run a program of ours in ``home`` until it ends; return its status. TrainingFailure: we ended it."""
        memory_bytes = given['memory_budget_bytes']
        child = Child(self._launcher, home, module, word, given, shown, os.path.join(self._job.folder, log),
                      self._hooks.environ)
        before_s, self._looked_s = self._outcome.cpu_s, -math.inf
        end_s = self._hooks.clock() + time_s
        try:
            while True:
                status = child.status()
                for message in child.messages():
                    self._hear(message)
                self._look(child, end_s, time_s, memory_bytes, before_s)
                if status is not None:
                    self._check_raised(memory_bytes)
                    return status
                child.wait(_POLL_S)
        finally:
            left = child.kill()
            self._last_line = child.last_line
            if left:
                self._hooks.log(f'processes of a training that could not be killed: {left}')
            if child.bad_lines:
                self._hooks.log(f'a training wrote {child.bad_lines} lines that are none into its pipe')
            if child.log_trouble:
                self._hooks.log(child.log_trouble)

    def _look(self, child, end_s, time_s, memory_bytes, before_s):
        now = self._hooks.clock()
        if self._hooks.cancelled():
            raise TrainingFailure(CANCELED, 'cancelled: the script was ended')
        if now - self._looked_s >= _LOOK_S:
            self._looked_s = now
            cpu_s, resident = child.used(memory_bytes)
            self._outcome.cpu_s = max(self._outcome.cpu_s, before_s + cpu_s)
            if not resident <= memory_bytes:
                raise TrainingFailure(MEMORY, f'expected at most {_mib(memory_bytes)} MiB of memory, got '
                                      f'{_mib(resident)}, children included: use less, or ask for more')
        if not now <= end_s:
            raise TrainingFailure(TIME, f'expected the end within {time_s:g} s of wall time, and it still runs: look '
                                  'at time_left(), do less, or ask for more')
        if self._said and now - self._told_s >= _STEP_S or now - self._told_s >= self._hooks.period_s:
            self._told_s, said, self._said = now, self._said, {}
            self._hooks.feedback(self._step, said, now - self._began_s, child.last_line)

    def _hear(self, message):
        """Take in what the script said; what is no report of ours is left alone."""
        if message.get('op') in ('syntax', 'raised'):
            self._raised = message
        elif message.get('op') in ('checked', 'bad'):
            self._checked = message
        elif _is_report(message):
            metrics = {name: float(value) for name, value in message['metrics'].items()}
            self._step, self._said = message['step'], {**self._said, **metrics}
            self._outcome.metrics.update(metrics)
            while len(self._outcome.metrics) > MAX_METRICS:  # a script can make up new names for ever
                del self._outcome.metrics[next(iter(self._outcome.metrics))]
            line = json.dumps({'step': message['step'], 'metrics': {
                name: value if math.isfinite(value) else None for name, value in metrics.items()}}) + '\n'
            if self._metrics_bytes + len(line) <= MAX_METRICS_BYTES:
                self._metrics_bytes += len(line)
                self._metrics.write(line)

    def _check_raised(self, memory_bytes):
        if self._raised is None:
            return
        text = str(self._raised.get('text'))[:TEXT_LIMIT]
        if self._raised['op'] == 'syntax':
            raise TrainingFailure(UNREADABLE, text)
        if self._raised.get('memory') is True:
            raise TrainingFailure(MEMORY, f'the script asked for more memory than it may ask for, twice its budget of '
                                  f'{_mib(memory_bytes)} MiB and 4 GiB:\n{text}')
        raise TrainingFailure(FAILED, f'the script raised {text}')

    # ---- the artifact ----------------------------------------------------------------------
    def _take_artifact(self, data):
        digest = hashlib.sha256(data).hexdigest()
        self._checked, self._raised = {}, None
        # A home that no script has been in: Python takes modules from the folder in which it is started.
        home = self._launcher.home(CHECK_BYTES)
        try:
            with self._shown(home) as shown:
                copy = os.path.join(shown, ARTIFACT)
                write_bytes(copy, data, 0o444)
                given = {**self._given, 'threads': 1, 'memory_budget_bytes': CHECK_BYTES}
                status = self._watched(CHECK, copy, home, given, [copy], 'check.log', CHECK_S)
        finally:
            home.close()
        if self._checked.get('op') == 'bad':
            raise TrainingFailure(BAD_ARTIFACT, str(self._checked.get('text'))[:TEXT_LIMIT])
        if status != 0 or self._checked.get('op') != 'checked':
            raise TrainingFailure(BAD_ARTIFACT, 'expected an artifact that can be loaded and run, but the process that '
                                  f'did so came to no end: it {ended(status)}')
        self._outcome.inputs, self._outcome.outputs = self._checked['inputs'], self._checked['outputs']
        os.makedirs(self._job.artifacts, mode=0o700, exist_ok=True)
        path = os.path.join(self._job.artifacts, f'{digest}.onnx')
        write_bytes(path, data)
        self._outcome.artifact_file, self._outcome.artifact_hash = path, digest


def _read_artifact(folder):
    """Return what the script left in its home, of which ``folder`` is a descriptor."""
    try:
        os.stat(ARTIFACT, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        raise TrainingFailure(NO_ARTIFACT, 'expected the script to write its artifact to '
                              'enpire_policy.training.artifact_path, and it ended without one') from None
    try:
        return read_bounded(ARTIFACT, 'artifact_path', 'an artifact', MAX_ARTIFACT_BYTES, BAD_ARTIFACT, os.O_NOFOLLOW,
                            folder)
    except PolicyFailure as failure:
        raise TrainingFailure(failure.code, failure.text) from failure


def _is_report(message):
    step, metrics = message.get('step'), message.get('metrics')
    return (type(step) is int and 0 <= step < 2**64 and isinstance(metrics, dict)
            and 1 <= len(metrics) <= MAX_METRICS and all(len(name) <= MAX_NAME for name in metrics)
            and all(type(value) in (int, float) and abs(value) < 1e308 or value != value or value in _INFINITE
                    for value in metrics.values()))


_INFINITE = (math.inf, -math.inf)


def _mib(count):
    return f'{count / (1 << 20):.0f}'
