"""The supervisor with real child processes. Waits on conditions; needs no ROS."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import psutil
import pytest
from bringup_waiting import PATIENCE_S, until

HERE = pathlib.Path(__file__).resolve().parent
# Of each step of stopping: none that ends in order comes near it. For those that don't end so: SHORT_S.
ENOUGH_S, SHORT_S = 5.0, 0.5

# Says that it is there, and waits for a signal. Words after it: signals that it ignores.
CHILD = """
import signal, sys
for name in sys.argv[2:]:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
print('ready', sys.argv[1], flush=True)
while True:
    signal.pause()
"""
# The same, with a child of its own in the same process group.
PARENT = """
import subprocess, sys, signal
child = subprocess.Popen([sys.executable, '-S', '-c', 'import signal; signal.pause()'])
print('child', child.pid, flush=True)
signal.pause()
"""

# The same, with a child that has left for a session of its own and holds the pipe of the log open.
LEAVER = """
import subprocess, sys, signal
child = subprocess.Popen([sys.executable, '-S', '-c', 'import signal; signal.pause()'], start_new_session=True)
print('child', child.pid, flush=True)
signal.pause()
"""


def waits(name, *ignored, **fields):
    return dict(
        {'name': name, 'command': [sys.executable, '-S', '-c', CHILD, name, *ignored]}, **fields
    )


def script(name, text, **fields):
    return dict({'name': name, 'command': [sys.executable, '-S', '-c', text]}, **fields)


class Running:
    """A supervisor process under test."""

    def __init__(self, specs, folder, patience_s=ENOUGH_S, **environment):
        self.folder = folder
        (folder / 'specs.json').write_text(json.dumps(specs))
        paths = [str(HERE.parent), str(HERE.parent.parent / 'enpire_core')]
        environment = dict(
            os.environ, **environment,
            PYTHONPATH=os.pathsep.join([*paths, os.environ.get('PYTHONPATH', '')]),
        )
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / 'supervised.py'), str(folder / 'specs.json'),
             str(folder), str(patience_s)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        self.seen = set()

    def pids(self):
        """Return name -> pid of what runs now."""
        path = self.folder / 'processes.json'
        found = json.loads(path.read_text()) if path.exists() else {}
        self.seen.update(found.values())
        return found

    def log(self, name):
        path = self.folder / f'{name}.log'
        return path.read_text() if path.exists() else ''

    def wait_ready(self, *names):
        """Wait until each child has said that it is there."""
        for name in names:
            until(lambda name=name: 'ready' in self.log(name), f'{name} is ready')
        return self.pids()

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        """Wait for its end; return (printed text, outcome)."""
        text, _ = self.process.communicate(timeout=PATIENCE_S)
        self.seen.update(started(text).values())
        return text, json.loads(text.strip().splitlines()[-1])


@pytest.fixture
def start(tmp_path):
    running = []

    def call(*specs, **more):
        running.append(Running(list(specs), tmp_path, **more))
        return running[-1]

    yield call
    for one in running:
        one.pids()
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()
        for pid in one.seen:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def started(text):
    """Return name -> process id of what was started last, as the supervisor said."""
    return {name: int(pid) for name, pid in re.findall(r'^(\S+) started, process (\d+)$', text, re.M)}


def grandchild_of(lab, name):
    """Return the process id that the child has printed of its own child."""
    found = until(lambda: re.search(r'child (\d+)', lab.log(name)), 'the grandchild')
    lab.seen.add(int(found[1]))
    return int(found[1])


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone(pids):
    return until(lambda: not any(alive(pid) for pid in pids), f'the end of {pids}')


def order_of(text, ending, names):
    places = [text.index(f'{name} {ending}') for name in names]
    return places == sorted(places)


def test_children_start_in_order_and_stop_in_the_opposite_order(start):
    lab = start(waits('first', stage=0), waits('second', stage=1), waits('third', stage=2))
    pids = lab.wait_ready('first', 'second', 'third')
    lab.signal(signal.SIGINT)
    text, outcome = lab.end()
    assert order_of(text, 'started', ['first', 'second', 'third'])
    assert order_of(text, 'has ended', ['third', 'second', 'first'])
    assert 'did not end at SIGINT' not in text
    assert outcome['code'] == 0 and 'SIGINT' in outcome['reason']
    gone(pids.values())


def test_a_child_that_ignores_sigint_and_sigterm_is_killed_and_named(start):
    lab = start(waits('deaf', 'SIGINT', 'SIGTERM'), waits('half_deaf', 'SIGINT'), waits('good', stage=1),
                patience_s=SHORT_S)
    pids = lab.wait_ready('deaf', 'half_deaf', 'good')
    lab.signal(signal.SIGTERM)
    text, _ = lab.end()
    assert 'deaf did not end at SIGINT; it took SIGKILL' in text
    assert 'half_deaf did not end at SIGINT; it took SIGTERM' in text
    gone(pids.values())


def test_a_second_ctrl_c_changes_nothing(start):
    lab = start(waits('deaf', 'SIGINT'), waits('good', stage=1), patience_s=SHORT_S)
    pids = lab.wait_ready('deaf', 'good')
    lab.signal(signal.SIGINT)
    until(lambda: 'good' not in lab.pids(), 'the end of the first child')
    lab.signal(signal.SIGINT)
    text, outcome = lab.end()
    assert 'already stopping' in text
    assert lab.process.returncode == 0 and outcome['code'] == 0
    gone(pids.values())


@pytest.mark.parametrize('ignored', [False, True])
def test_a_hang_up_ends_it_in_order_unless_it_was_started_to_ignore_it(start, ignored):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        lab = start(waits('one'), waits('two'))
    finally:
        signal.signal(signal.SIGHUP, before)
    pids = lab.wait_ready('one', 'two')
    lab.signal(signal.SIGHUP)
    if ignored:
        os.kill(pids['two'], signal.SIGKILL)
        until(lambda: 'two' not in lab.pids(), 'that it still watches')
        assert alive(pids['one'])
        lab.signal(signal.SIGINT)
    _, outcome = lab.end()
    assert outcome['reason'].startswith('SIGINT' if ignored else 'SIGHUP')
    gone(pids.values())


def test_a_killed_child_is_started_again(start):
    lab = start(waits('again', respawn=True, respawn_delay_s=0.05), waits('other'))
    before = lab.wait_ready('again', 'other')
    os.kill(before['again'], signal.SIGKILL)
    after = until(
        lambda: lab.pids().get('again') not in (None, before['again']) and lab.pids(), 'the restart'
    )
    assert after['other'] == before['other']
    until(lambda: lab.log('again').count('ready') == 2, 'its second start')
    lab.signal(signal.SIGINT)
    text, _ = lab.end()
    assert 'again ended (killed by SIGKILL); starting it again in 0.05 s' in text


def test_a_child_that_dies_again_and_again_ends_everything_and_shows_its_last_lines(start):
    lab = start(
        waits('other'),
        script(
            'broken',
            'import sys; print("no such thing"); sys.exit(3)',
            respawn=True,
            respawn_delay_s=0.01,
        ),
    )
    text, outcome = lab.end()
    assert outcome['code'] == 1 and outcome['child'] == 'broken'
    assert 'broken ended 5 times within 60 s (last: exit code 3)' in outcome['reason']
    assert outcome['last_lines'][-1] == 'no such thing'
    assert text.count('broken started') == 5
    gone([started(text)['other']])


@pytest.mark.parametrize('code', [0, 7])
def test_the_end_of_a_required_child_ends_everything_with_its_exit_code(start, code):
    lab = start(
        waits('other'),
        script('runner', f'import sys; print("bye"); sys.exit({code})', required=True),
    )
    text, outcome = lab.end()
    assert outcome['code'] == code and outcome['child'] == 'runner'
    gone([started(text)['other']])


def test_a_required_child_that_may_respawn_comes_again_when_it_is_killed_and_ends_everything_by_itself(start, tmp_path):
    mark = tmp_path / 'killed'
    text = (f'import os, pathlib; mark = pathlib.Path({str(mark)!r})\n'
            'if not mark.exists(): mark.write_text(""); os.kill(os.getpid(), 9)\n'
            'raise SystemExit(7)')
    lab = start(waits('other'), script('node', text, required=True, respawn=True, respawn_delay_s=0.01))
    text, outcome = lab.end()
    assert (outcome['code'], outcome['child']) == (7, 'node') and text.count('node started') == 2
    gone([started(text)['other']])


def test_a_command_that_does_not_exist_is_said_in_its_log(start):
    lab = start({'name': 'missing', 'command': ['/no/such/program'], 'required': True})
    _, outcome = lab.end()
    assert outcome['code'] == 127
    assert (
        '/no/such/program: cannot be started: No such file or directory'
        in outcome['last_lines'][-1]
    )


def test_nobody_is_left_when_the_supervisor_is_killed(start):
    lab = start(waits('deaf', 'SIGINT', 'SIGTERM'), waits('good', respawn=True))
    pids = lab.wait_ready('deaf', 'good')
    lab.signal(signal.SIGKILL)
    gone(pids.values())


@pytest.mark.parametrize('text', [PARENT, LEAVER], ids=['in its group', 'in a session of its own'])
def test_children_of_a_killed_child_are_killed_with_it_and_it_is_started_again(start, text):
    lab = start(script('parent', text, respawn=True, respawn_delay_s=0.05), waits('other'))
    grandchild, before = grandchild_of(lab, 'parent'), lab.pids()
    os.kill(before['parent'], signal.SIGKILL)
    gone([grandchild])
    after = until(lambda: lab.pids().get('parent') not in (None, before['parent']) and lab.pids(),
                  'the restart')
    assert after['other'] == before['other']


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_grandchild_in_a_session_of_its_own_is_not_left_and_does_not_delay_the_end(start, number):
    lab = start(script('parent', LEAVER), waits('other'))
    grandchild = grandchild_of(lab, 'parent')
    lab.wait_ready('other')
    lab.signal(number)
    text, outcome = lab.end()
    assert outcome['code'] == 0 and 'parent has ended' in text
    assert not alive(grandchild)


def test_what_a_child_printed_last_is_kept_though_a_grandchild_holds_its_pipe(start):
    lab = start(script('parent', LEAVER.rsplit('signal.pause()', 1)[0] + 'print("the last word")', required=True))
    _, outcome = lab.end()
    assert outcome['code'] == 0
    assert 'the last word' in lab.log('parent')
    assert not alive(grandchild_of(lab, 'parent'))


def test_a_supervisor_that_nobody_hears_stops_its_children_in_order(start):
    lab = start(waits('first'), waits('second', stage=1))
    pids = lab.wait_ready('first', 'second')
    lab.process.stdout.close()
    os.kill(pids['second'], signal.SIGKILL)
    until(lambda: 'second' not in lab.pids(), 'that it has something to say')
    assert alive(pids['first'])
    lab.signal(signal.SIGINT)
    lab.process.wait(PATIENCE_S)
    assert lab.pids() == {}
    gone(pids.values())


def test_a_full_disk_is_said_once_and_nothing_breaks(start, tmp_path):
    (tmp_path / 'talker.log').symlink_to('/dev/full')
    lab = start(script('talker', 'for i in range(100): print(i)'), waits('other'), FULL_DISK='1')
    lab.wait_ready('other')
    # The other started last: where it is alone, the talker has said all that it has to say.
    until(lambda: len(psutil.Process(lab.process.pid).children()) == 1, 'the talker has ended')
    lab.signal(signal.SIGINT)
    text, outcome = lab.end()
    assert outcome['code'] == 0 and order_of(text, 'has ended', ['talker', 'other'])
    assert 'Traceback' not in text and 'Logging error' not in text
    assert text.count('talker.log cannot be written: No space left on device') == 1
    assert text.count('what runs cannot be noted any more: [Errno 28] No space left on device') == 1
    gone([started(text)['other']])


def test_lines_are_kept_with_name_and_time(start):
    lab = start(script('talker', 'print("one"); print("two" * 3)', required=True))
    lab.end()
    lines = lab.log('talker').splitlines()
    assert [line.split('] ')[1] for line in lines] == ['one', 'twotwotwo']
    assert all('[talker]' in line for line in lines)


def test_a_line_without_end_does_not_fill_the_memory(start):
    text = 'import sys; sys.stdout.write("x" * 5_000_000); sys.stdout.flush()'
    lab = start(script('flood', text, required=True))
    _, outcome = lab.end()
    assert outcome['code'] == 0
    assert max(map(len, lab.log('flood').splitlines())) < 100_000
    assert lab.log('flood').count('x') == 5_000_000


def test_two_children_of_one_name_are_refused(tmp_path):
    from enpire_bringup.supervisor.child import ChildSpec
    from enpire_bringup.supervisor.supervisor import Supervisor

    with pytest.raises(ValueError, match='different names'):
        Supervisor([ChildSpec('a', ('x',)), ChildSpec('a', ('y',))], str(tmp_path), report=print)
