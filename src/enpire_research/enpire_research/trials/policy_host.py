"""The program of a policy's process: `python -m enpire_research.trials.policy_host`.

It has two pipes to the trial server, memory of pictures to read, an empty folder as its home, /dev/null as standard
input and nothing else (`policy_view`): no ROS, no world, no verifier. It compiles the policy, finds its entry
point, and drives it: `run(robot)` blocks in exchanges, `act(observation)` is called once a tick.

Arguments: file descriptor to read, to write, of the pictures.
What it writes last is one of: done, raised, bad_action, bad_artifact. What the policy prints goes to its log.
"""

import ast
import contextlib
import inspect
import linecache
import os
import random
import sys
import traceback
import types
from dataclasses import replace

import cv2
import numpy as np

from enpire_core.errors import MotionRefused, TimeUp
from enpire_core.joints import ARMS, JOINT_COUNT
from enpire_core.ticks import NANOSECONDS, tick_to_ns, ns_to_tick
from enpire_policy import artifact
from enpire_policy.types import ATTEMPT_DONE, DONE, AttemptResult, Observation
from enpire_research.trials import frames, wire
from enpire_research.trials.arguments import numbers, shown
from enpire_research.trials.motion import MotionLimits
from enpire_research.trials.robot import Robot, make_kinematics

POLICY_NAME = 'policy.py'
# Packages and modules, with all below them.
NOT_FOR_POLICIES = ('rclpy', 'rosbag2_py', 'enpire_interfaces', 'enpire_drivers', 'enpire_safety', 'enpire_tasks',
                    'enpire_bringup', 'enpire_research.training', 'enpire_research.campaign',
                    'enpire_research.agents', 'enpire_research.trials.direct', 'enpire_policy.training', 'gymnasium')
TEXT_LIMIT = 6000


class BadAction(Exception):
    """An action of `act` that is none; the text says what was expected and what came."""


class NoRos:
    """A finder of modules that refuses those of the lab: it tells an honest policy. The wall is the sandbox."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """Refuse, or leave the module to the next finder."""
        if any(name == one or name.startswith(f'{one}.') for one in NOT_FOR_POLICIES):
            raise ImportError(f'{name}: a policy has no ROS and no world: use the robot or the observation that it '
                              'is handed', name=name)


class Pipe:
    """Messages over two file descriptors, blocking.

    The kernel closes them when the process has ended, not Python on its way there: the server, which then
    asks for the exit status, need not wait for what a policy still does at its exit.
    """

    def __init__(self, read_fd, write_fd):
        self._read = os.fdopen(read_fd, 'rb', closefd=False)
        self._write = os.fdopen(write_fd, 'wb', buffering=0, closefd=False)

    def send(self, message):
        data = memoryview(wire.encode(message))
        while data:
            data = data[self._write.write(data):]

    def receive(self):
        """Return the next message; the process ends where the server closed the pipe."""
        header = self._read.read(wire.HEADER)
        if len(header) < wire.HEADER:
            os._exit(0)
        body = self._read.read(wire.length_of(header, wire.MAX_TO_POLICY))
        return wire.decode(body)


class PipeLink:
    """The link of `robot.Robot` over a Pipe; see there."""

    def __init__(self, pipe, start, state, pictures):
        self._pipe, self._pictures = pipe, pictures
        self.state = state
        self.start_ns = state.stamp_ns
        self.deadline_ns = start['deadline_ns']
        self._periods = start['camera_periods']
        self._infos = {values['camera']: wire.unpack_camera_info(values) for values in start['camera_infos']}
        self._frames = {}

    def _ask(self, message):
        self._pipe.send(message)
        answer = self._pipe.receive()
        if 'state' in answer:
            self.state = wire.unpack_state(answer['state'])
        if 'refused' in answer:
            raise MotionRefused(**answer['refused'])
        if 'time_up' in answer:
            raise TimeUp(answer['time_up'])
        if 'error' in answer:
            raise ValueError(answer['error'])
        return answer

    def step(self, positions, efforts):
        self._ask({'op': 'step', 'positions': wire.pack_array(positions),
                   'efforts': wire.pack_array(efforts) if efforts.any() else b''})
        return self.state

    def capture(self, camera):
        self._check(camera)
        period = self._periods[camera]
        newest = tick_to_ns(ns_to_tick(self.state.stamp_ns) // period * period) if period else None
        frame = self._frames.get(camera)
        if frame is None or frame['stamp'] != newest:
            frame = self._frames[camera] = self._ask({'op': 'capture', 'camera': camera})['frame']
        # Copied for each caller: what one draws into its image nobody else sees.
        return self._pictures.frame(frame)

    def camera_info(self, camera):
        self._check(camera)
        info = self._infos[camera]
        return replace(info, matrix=info.matrix.copy(), pose=info.pose.copy())

    def _check(self, camera):
        if camera not in self._infos:
            raise ValueError(f'camera: expected one of {", ".join(sorted(self._infos))}, got {camera!r}')

    def finish_attempt(self):
        answer = self._ask({'op': 'finish_attempt'})
        self._frames.clear()
        # The retreat and the verdict cost the policy no time: its end has moved.
        self.deadline_ns = answer['deadline_ns']
        return AttemptResult(**answer['attempt'])


def load(source, onnx=None):
    """Return (module, 'act' or 'run', cameras) of a policy's source, or raise _LoadFailed.

    ``onnx``: the bytes of its artifact; None or b'': it has none.
    """
    try:
        if onnx:
            artifact.give(onnx)
    except artifact.ArtifactError as error:
        raise _LoadFailed('artifact', str(error)) from error
    source = source.removeprefix('\ufeff')  # a byte order mark, which Python allows in files, not in texts
    linecache.cache[POLICY_NAME] = (len(source), None, source.splitlines(keepends=True), POLICY_NAME)
    try:
        code = compile(ast.parse(source, POLICY_NAME), POLICY_NAME, 'exec')
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        number = getattr(error, 'lineno', None)
        line = '' if number is None else f', line {number}: {(error.text or "").strip()}'
        raise _LoadFailed('syntax', f'{POLICY_NAME} does not compile{line}: '
                          f'{str(error) or "nested too deeply"} ({type(error).__name__})') from error
    module = types.ModuleType('policy')
    module.__file__ = POLICY_NAME
    sys.modules['policy'] = module
    exec(code, module.__dict__)
    entries = [name for name in ('act', 'run') if callable(getattr(module, name, None))]
    if len(entries) != 1:
        raise _LoadFailed('no_entry', f'{POLICY_NAME}: expected act(observation) or run(robot), got '
                          f'{"both: keep one" if entries else "neither: define one of them"}')
    if any(test(getattr(module, entries[0])) for test in _NOT_PLAIN_FUNCTIONS):
        raise _LoadFailed('no_entry', f'{POLICY_NAME}: {_not_plain(entries[0])}')
    return module, entries[0], _cameras(module)


def _cameras(module):
    """Return the names in the policy's CAMERAS, or raise _LoadFailed."""
    given = getattr(module, 'CAMERAS', ())
    try:
        cameras = None if isinstance(given, (str, bytes)) else tuple(given)
    except TypeError:
        cameras = None
    if cameras is None or not all(isinstance(name, str) for name in cameras):
        raise _LoadFailed('no_entry', f'{POLICY_NAME}: CAMERAS: expected a tuple of camera names such as '
                          f"('top_camera',), got {shown(given)}")
    return cameras


_NOT_PLAIN_FUNCTIONS = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
_NOT_PLAIN_VALUES = (inspect.isawaitable, inspect.isgenerator, inspect.isasyncgen)


def _not_plain(name):
    return (f'{name} must be a plain function: expected a `def {name}` that does its work when it is called, got one '
            'with `async` or `yield`, which does nothing then')


def check_plain(name, value):
    """BadAction where what ``name`` returned shows that nothing was done in it: a coroutine, a generator."""
    if any(test(value) for test in _NOT_PLAIN_VALUES):
        raise BadAction(_not_plain(name))


class _LoadFailed(Exception):
    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


def drive_act(act, robot, cameras):
    """Call ``act`` once a tick until it says DONE. BadAction for what is no action."""
    for camera in cameras:
        robot.camera_info(camera)
    tick, attempt = 0, None
    while True:
        state = robot.get_joint_states()
        frames = {camera: robot.capture(camera) for camera in cameras}
        now = robot.time
        action = act(Observation(
            now, robot.time_left, tick, state.positions, state.velocities, state.efforts,
            {arm: robot.tool_pose(arm) for arm in ARMS},
            {camera: frame.color for camera, frame in frames.items()},
            {camera: now - (state.stamp_ns - frame.stamp_ns) / NANOSECONDS for camera, frame in frames.items()},
            attempt))
        if action is DONE:
            return
        attempt = None
        if action is ATTEMPT_DONE:
            attempt = robot.finish_attempt()
        else:
            apply(action, robot)
        tick += 1


def apply(action, robot):
    """Make one tick of ``action``: None, a dict of tcp poses, or 14 positions."""
    if action is None:
        robot.hold()
    elif isinstance(action, dict):
        robot.step(robot.servo(_poses(action)))
    else:
        robot.step(_numbers(action, JOINT_COUNT, 'action', f'{JOINT_COUNT} joint positions, a dict of tcp poses, '
                            'None, DONE or ATTEMPT_DONE'))


def _poses(action):
    if not action or not set(action) <= set(ARMS):
        raise BadAction(f"expected a dict of tcp poses with the keys 'left' and 'right', got {shown(action)}")
    return {arm: _numbers(pose, 6, f'action[{arm!r}]', '(x, y, z, roll, pitch, yaw)')
            for arm, pose in action.items()}


def _numbers(values, count, name, expected):
    try:
        return numbers(values, count, name, expected)
    except ValueError as error:
        check_plain('act', values)
        raise BadAction(str(error)) from None


def _traceback(error):
    """The error's traceback, only the policy's own lines where there are any."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == POLICY_NAME] or frames
    lines = ['Traceback (most recent call last):\n', *traceback.format_list(own),
             *traceback.format_exception_only(type(error), error)]
    text = ''.join(lines)
    return text if len(text) <= TEXT_LIMIT else text[:1000] + '\n ...\n' + text[-(TEXT_LIMIT - 1000):]


def _report(pipe, call):
    """Call and return its value; where it raises, say so through ``pipe`` and return None."""
    try:
        return call()
    except SystemExit:
        raise  # the process ends with that status, as it would anywhere
    except _LoadFailed as error:
        pipe.send({'op': 'load_failed', 'kind': error.kind, 'text': str(error)})
    except BadAction as error:
        pipe.send({'op': 'bad_action', 'text': str(error)})
    except artifact.ArtifactError as error:
        pipe.send({'op': 'bad_artifact', 'text': f'{error}\n{_told(error)[0]}'})
    except BaseException as error:  # whatever the policy raises is told to the server, and ends it
        text, last = _told(error)
        # First where it counts: of its own standard error a policy can make anything.
        pipe.send({'op': 'raised', 'text': text, 'last': last})
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(text)
    return None


def _told(error):
    """Return the traceback of ``error`` and its last line; an exception can be such that both fail."""
    try:
        last = ''.join(traceback.format_exception_only(type(error), error)).strip()
        return _traceback(error), last[:500]
    except Exception as second:  # of itself it can tell no more than its kind: the first one is its context
        text = f'the policy raised an exception that cannot be told: that raises {type(second).__name__}'
        return text, text


def main(argv=None):
    """Serve one policy and exit."""
    read_fd, write_fd, pictures_fd = map(int, (sys.argv if argv is None else argv)[1:4])
    sys.meta_path.insert(0, NoRos)
    cv2.setNumThreads(1)
    pipe = Pipe(read_fd, write_fd)
    pipe.send({'op': 'ready', 'pid': os.getpid()})
    start = pipe.receive()
    pipe.send({'op': 'taken'})  # what fails from here on is the policy's
    random.seed(start['seed'])
    np.random.seed(start['seed'] & 0xFFFFFFFF)
    loaded = _report(pipe, lambda: load(start['source'], start.get('artifact')))
    if loaded is None:
        return 0
    module, entry, cameras = loaded
    limits = MotionLimits.from_dict(start['limits'])
    kinematics = make_kinematics(start['model'], limits)
    pipe.send({'op': 'loaded', 'entry': entry})
    go = pipe.receive()
    link = PipeLink(pipe, go, wire.unpack_state(go['state']), frames.Reader(pictures_fd))
    robot = Robot(link, limits, kinematics)

    def drive():
        if entry == 'run':
            check_plain('run', module.run(robot))
        else:
            drive_act(module.act, robot, cameras)
        return True
    if _report(pipe, drive):
        pipe.send({'op': 'done'})
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    return 0


if __name__ == '__main__':
    sys.exit(main())
