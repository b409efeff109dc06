"""The program in a policy's process: what it loads, what it takes for an action, how it tells an error."""

import contextlib
import io
import os
import sys

import numpy as np
import pytest
from enpire_core.joints import JOINT_COUNT
from enpire_core.types import CameraInfo, Frame, JointState
from enpire_policy import ATTEMPT_DONE, DONE
from enpire_research.trials import frames, policy_host, wire
from enpire_research.trials.arguments import number, numbers

RUN = '\ndef run(robot):\n    pass\n'


def failure(source):
    """Return (kind, text) with which loading ``source`` fails."""
    with pytest.raises(policy_host._LoadFailed) as caught:
        policy_host.load(source)
    return caught.value.kind, str(caught.value)


# ---- loading -------------------------------------------------------------------------------
def test_a_byte_order_mark_is_allowed_as_python_allows_it():
    assert policy_host.load('\ufeff' + RUN)[1:] == ('run', ())


@pytest.mark.parametrize('source, word', [
    ('x = "a\0b"' + RUN, 'null'), ('(' * 5000 + ')' * 5000 + RUN, 'nested'), ('-' * 200000 + '1' + RUN, 'deep'),
    ('def run(robot)\n    pass', 'line 1: def run(robot)')])
def test_what_does_not_compile_is_told_with_a_reason_and_a_line_where_there_is_one(source, word):
    kind, text = failure(source)
    assert kind == 'syntax' and 'does not compile' in text and 'None' not in text
    assert word in text.replace('recursion', 'deep').replace('complex', 'deep'), text


@pytest.mark.parametrize('cameras', [
    'None', '5', '"top_camera"', 'b"top_camera"', '(1,)', '[["top_camera"]]', '10 ** 5000'])
def test_cameras_that_are_no_names_are_told(cameras):
    kind, text = failure(f'CAMERAS = {cameras}{RUN}')
    assert kind == 'no_entry' and 'CAMERAS: expected a tuple of camera names' in text


def test_cameras_may_come_from_a_generator():
    assert policy_host.load('CAMERAS = (name + "_camera" for name in ("top", "left_wrist"))' + RUN)[2] == (
        'top_camera', 'left_wrist_camera')


@pytest.mark.parametrize('name', ['run', 'act'])
@pytest.mark.parametrize('source', [
    'async def {}(x):\n    pass', 'def {}(x):\n    yield', 'async def {}(x):\n    yield'])
def test_an_entry_that_does_nothing_when_it_is_called_is_refused(source, name):
    kind, text = failure(source.format(name))
    assert kind == 'no_entry' and f'{name} must be a plain function' in text


def test_an_entry_that_hides_a_generator_is_found_by_what_it_returns():
    with pytest.raises(policy_host.BadAction, match='run must be a plain function'):
        policy_host.check_plain('run', (x for x in ()))
    with pytest.raises(policy_host.BadAction, match='act must be a plain function'):
        policy_host.apply((x for x in ()), Arms())


# ---- actions -------------------------------------------------------------------------------
class Arms:
    """A robot that notes what it is asked for."""

    def __init__(self):
        self.asked = []

    def step(self, positions):
        self.asked.append(positions)

    def servo(self, poses):
        return poses


@pytest.mark.parametrize('action', [
    ['0'] * 14, [b'0'] * 14, [1j] * 14, np.zeros(14, complex), [True] * 14, np.zeros(14, bool), [10 ** 400] * 14,
    [10 ** 5000] * 14, [None] * 14, [[0.0] * 14], 0.0, '0' * 14, object(), [float('inf')] * 14, [[0.0], [0.0, 1.0]] * 7,
    {'left': ['0'] * 6}, {'left': [10 ** 400] * 6}, {'middle': [0] * 6}, {}, {'left': None}])
def test_what_is_no_action_is_refused_and_says_what_was_expected(action):
    arms = Arms()
    with pytest.raises(policy_host.BadAction, match='expected') as caught:
        policy_host.apply(action, arms)
    assert len(str(caught.value)) < 400 and arms.asked == []


@pytest.mark.parametrize('action', [[1] * 14, (0.5,) * 14, np.ones(14, np.float32), np.ones(14, np.uint8), range(14)])
def test_numbers_of_every_usual_kind_are_an_action(action):
    arms = Arms()
    policy_host.apply(action, arms)
    assert arms.asked[0].dtype == np.float64 and (arms.asked[0] == np.array(action, np.float64)).all()


def test_numbers_are_copies_and_huge_ones_are_told_without_digits():
    given = np.zeros(JOINT_COUNT)
    assert numbers(given, JOINT_COUNT, 'x') is not given
    for bad in (10 ** 400, 10 ** 5000, '1', True, None, 1j, float('nan'), [1]):
        with pytest.raises(ValueError, match='expected a number from 0 to 9'):
            number(bad, 'x', 0.0, 9.0)


# ---- errors --------------------------------------------------------------------------------
class Sent(list):
    """A pipe that keeps what goes through it, as the server would read it."""

    def send(self, message):
        self.append(wire.decode(wire.encode(message)[wire.HEADER:]))


class Untellable(Exception):
    def __str__(self):
        raise RuntimeError('no')


class Untraceable(Exception):
    """Its notes, which a traceback shows, raise."""

    @property
    def __notes__(self):
        raise RuntimeError('never')


@pytest.mark.parametrize('error', [RuntimeError('bad \udcff'), Untellable(), KeyboardInterrupt(),
                                   Untraceable()])
@pytest.mark.parametrize('stderr', ['as it is', None, 'closed'])
def test_whatever_is_raised_is_told_whatever_became_of_standard_error(monkeypatch, error, stderr):
    def fail():
        raise error
    if stderr == 'closed':
        stream = io.StringIO()
        stream.close()
        monkeypatch.setattr(sys, 'stderr', stream)
    elif stderr is None:
        monkeypatch.setattr(sys, 'stderr', None)
    pipe = Sent()
    assert policy_host._report(pipe, fail) is None
    assert [message['op'] for message in pipe] == ['raised']
    assert pipe[0]['text'] and pipe[0]['last']


# ---- the link ------------------------------------------------------------------------------
class Server:
    """The other end of the pipe: answers each operation from a table."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def send(self, message):
        self.asked.append(message['op'])

    def receive(self):
        return dict(self.answers[self.asked[-1]])


def state(ticks=0):
    return JointState(ticks * 33_333_333, *np.arange(3.0 * JOINT_COUNT).reshape(3, JOINT_COUNT))


def link(server, pictures=None):
    info = CameraInfo('top_camera', 3, 2, np.eye(3), 'station', np.eye(4))
    start = {'deadline_ns': 1_000_000_000, 'camera_periods': {'top_camera': 2},
             'camera_infos': [wire.pack_camera_info(info)]}
    return policy_host.PipeLink(server, start, state(), pictures)


def test_what_is_drawn_into_an_image_is_not_in_the_next_one():
    frame = Frame('top_camera', 0, np.full((2, 3, 3), 7, np.uint8))
    memory = frames.Writer()
    server = Server(capture={'frame': memory.put(frame)})
    found = link(server, frames.Reader(os.dup(memory.fd)))
    image = found.capture('top_camera').color
    image[:] = 0
    assert (found.capture('top_camera').color == 7).all()
    assert server.asked == ['capture'], 'one exchange a frame'
    found.camera_info('top_camera').matrix[:] = 0
    assert (found.camera_info('top_camera').matrix == np.eye(3)).all()


def test_an_attempt_that_is_finished_moves_the_end():
    answer = {'success': False, 'score': 0.25, 'reason': 'why', 'attempts_left': 2}
    found = link(Server(finish_attempt={'state': wire.pack_state(state(600)), 'deadline_ns': 21_000_000_000,
                                        'attempt': answer}))
    assert found.finish_attempt().attempts_left == 2
    assert found.deadline_ns == 21_000_000_000 and found.state.stamp_ns == 600 * 33_333_333


def test_act_finishes_an_attempt_with_a_word_and_sees_the_verdict_next():
    seen, words = [], [None, ATTEMPT_DONE, None, DONE]

    class Robot:
        time, time_left = 0.0, 1.0
        finish_attempt, hold = (lambda self: 'verdict'), (lambda self: None)
        get_joint_states, tool_pose = (lambda self: state()), (lambda self, arm: None)

    def act(observation):
        seen.append((observation.tick, observation.attempt))
        return words.pop(0)
    with contextlib.suppress(IndexError):
        policy_host.drive_act(act, Robot(), ())
    assert seen == [(0, None), (1, None), (2, 'verdict'), (3, None)] and not words
    assert (repr(DONE), repr(ATTEMPT_DONE)) == ('DONE', 'ATTEMPT_DONE')
