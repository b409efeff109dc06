"""Policies that attack their trial: none gets a second draw (VOID), hangs the station, or outlives its verdict."""

import os
import textwrap
import threading
import time

import trial_helpers
import pytest
from enpire_research.trials import policy_process, policy_view
from enpire_research.trials import report as reports
from enpire_research.trials.budget import Budget
from enpire_research.trials.rollout import POLICY
from enpire_research.trials.trial_setup import Hooks
from enpire_safety.sandbox import family

# Writing into the pipe oneself: the two descriptors that a policy's process has.
RAW = """
import os, sys, msgpack, struct, time
FD = int(sys.argv[2])
def say(message):
    body = msgpack.packb(message)
    os.write(FD, struct.pack('<I', len(body)) + body)
def nest(depth):
    return b'\\x91' * depth + b'\\xc0'
def say_raw(body):
    os.write(FD, struct.pack('<I', len(body)) + body)
"""


@pytest.fixture
def lab(tmp_path):
    """A station of its own for each, and how often it was told that somebody is alive."""
    runner, task = trial_helpers.runner(tmp_path)
    with runner:
        yield runner, tmp_path


def write(folder, source):
    path = folder / 'hostile.py'
    path.write_text(RAW + textwrap.dedent(source))
    return str(path)


def limit(runner, **budget):
    """Give the next policies ``budget``; the one that waits already has another and is ended."""
    runner._hosts.take().kill()
    runner._hosts._limits = Budget(**budget)


def rollout(lab, source, **goal):
    runner, folder = lab
    return runner.rollout('t', 7, write(folder, source), **goal)


FORGERIES = {
    'a reason that is no word': "say({'op': 'load_failed', 'kind': ['syntax'], 'text': 3})",
    'an operation that is a list': "say({'op': ['done']})",
    'a deep answer in place of loading': "say_raw(b'\\x81\\xa2op' + nest(1000))",
    'a deep text of an exception': "say_raw(b'\\x82\\xa2op\\xa6raised\\xa4text' + nest(1000))",
    'a deep last line': "say_raw(b'\\x83\\xa2op\\xa6raised\\xa4text\\xc0\\xa4last' + nest(1000))",
    'a deep text of a bad action': "say_raw(b'\\x82\\xa2op\\xaabad_action\\xa4text' + nest(1000))",
    'a deep text of a failed load': "say_raw(b'\\x82\\xa2op\\xabload_failed\\xa4text' + nest(1000))",
}


@pytest.mark.parametrize('where', ['at import', 'while it drives'])
@pytest.mark.parametrize('what', FORGERIES)
def test_a_forged_message_fails_the_trial_and_voids_nothing(lab, what, where):
    if where == 'at import':
        source = f'{FORGERIES[what]}\ntime.sleep(100)\n'
    else:
        source = f'def run(robot):\n    {FORGERIES[what]}\n    time.sleep(100)\n'
    report = rollout(lab, source)
    assert report.status == reports.FAILED, report.error_msg
    assert 204 <= report.error_code <= 210 and 0 < len(report.error_msg) < 10000


def own_time():
    """Steady seconds, without those in which a busy machine gave this thread no CPU."""
    return time.monotonic() - family.delay_of('thread-self')


class Alive:
    """Notes the longest time of a trial in which the world would have heard nothing, by `own_time`."""

    def __init__(self, station):
        self.longest_s, self._last = 0.0, own_time()
        self._waiting, self._step = station.waiting, station.step
        station.waiting, station.step = self.waiting, self.step

    def note(self):
        now = own_time()
        self.longest_s, self._last = max(self.longest_s, now - self._last), now

    def waiting(self):
        self.note()
        self._waiting()

    def step(self, command):
        self.note()
        return self._step(command)


DRIPS = {
    'writes': """
        def run(robot):
            os.write(FD, struct.pack('<I', 60000))
            while True:
                os.write(FD, b'x')
                time.sleep(0.03)
        """,
    'reads': """
        def run(robot):
            reading = int(sys.argv[1])
            for _ in range(400):
                say({'op': 'capture', 'camera': 'top_camera'})
            while True:
                os.read(reading, 4096)
                time.sleep(0.08)
        """}


@pytest.mark.parametrize('how', DRIPS)
def test_a_policy_that_drips_bytes_is_metered_and_the_world_is_told_that_we_live(lab, how):
    alive = Alive(lab[0].station)
    report = rollout(lab, DRIPS[how])
    assert report.status == reports.FAILED
    assert report.error_code in (policy_process.SILENT, policy_process.CPU), report.error_msg
    assert alive.longest_s < 3.0


def test_a_policy_that_drips_bytes_can_be_cancelled(tmp_path):
    steps, asked = [], []

    def cancelled():
        if POLICY in steps:
            asked.append(1)
        return len(asked) > 8  # it drips by now, and drips on for seconds
    hooks = Hooks(cancelled=cancelled, progress=lambda step, number, text: steps.append(step))
    runner, _ = trial_helpers.runner(tmp_path, hooks=hooks)
    with runner:
        report = rollout((runner, tmp_path), DRIPS['writes'])
        assert report.status == reports.CANCELED and report.ticks == 0
        assert len(asked) < 12


DAEMON = """
    import subprocess
    CODE = '''
    import os, sys, time
    if os.fork():
        os._exit(0)
    os.setsid()
    open('pid', 'w').write(str(os.getpid()))
    os.execve(sys.executable, [sys.executable, '-S', '-c', sys.argv[1]], {})
    '''
    LOOP = %r
    def run(robot):
        subprocess.run([sys.executable, '-S', '-c', CODE, LOOP], env={}, close_fds=False)
        while not os.path.exists('pid') or not open('pid').read():
            time.sleep(0.02)
        print('daemon runs', flush=True)
    """
LOOPS = {
    'sleeps': 'import time; time.sleep(60)',
    'prints for ever': 'import sys\nwhile True: sys.stdout.write("x" * 4096)'}


def daemon(loop):
    return textwrap.dedent(DAEMON % loop)


@pytest.mark.parametrize('what', LOOPS)
def test_a_daemon_without_parent_session_or_environment_is_dead_before_the_verdict(lab, what):
    began, own = time.monotonic(), f'{LOOPS[what]}  # {os.urandom(8).hex()}'
    report = rollout(lab, daemon(own))
    assert report.error_code in (0, 211), report.error_msg
    assert 'daemon runs' in (lab[1] / 'policy_logs' / 't.log').read_text() or report.error_code == 211
    assert trial_helpers.running(own) == []
    assert time.monotonic() - began < 30.0


def test_the_log_closes_though_somebody_still_floods_it(tmp_path):
    read, write_end = os.pipe()
    flooding = threading.Event()

    def flood():
        while not flooding.is_set():
            try:
                os.write(write_end, b'x' * 4096)
            except OSError:
                return
    thread = threading.Thread(target=flood, daemon=True)
    drain = policy_process.LogDrain(read, str(tmp_path / 'log'))
    thread.start()
    closer = threading.Thread(target=drain.close, daemon=True)
    closer.start()
    closer.join(10.0)
    done = not closer.is_alive()
    flooding.set()
    assert done, 'close() waited for somebody who prints for ever'
    os.close(write_end)


def test_a_log_that_cannot_be_written_does_not_stop_the_policy(lab):
    runner, folder = lab
    os.rmdir(folder / 'policy_logs')
    (folder / 'policy_logs').write_text('a file, where a folder should be')
    report = rollout(lab, "def run(robot):\n    print('x' * 200000, flush=True)\n    robot.wait(0.1)\n")
    assert report.error_code == 0, report.error_msg


def test_many_files_and_many_children_keep_nobody_silent(lab):
    alive = Alive(lab[0].station)
    report = rollout(lab, """
        def run(robot):
            for _ in range(150):
                try:
                    if os.fork() == 0:
                        while True:
                            os.wait() if os.fork() else time.sleep(100)
                except BlockingIOError as error:
                    print('told:', error)
                    break
            for i in range(20000):
                os.close(os.open(str(i), os.O_CREAT | os.O_WRONLY))
                if i % 2000 == 0:
                    robot.wait(0.04)
        """)
    assert report.status == reports.FAILED and report.error_code in (0, policy_process.CPU), report.error_msg
    assert 'told: ' in (lab[1] / 'policy_logs' / 't.log').read_text()
    assert alive.longest_s < 3.0


def test_a_process_that_dies_before_it_has_a_policy_is_our_fault(lab, monkeypatch):
    runner, folder = lab
    runner._hosts.take().kill()
    monkeypatch.setattr(policy_view, 'python_path', lambda: ['/nonexistent'])
    report = rollout(lab, 'def run(robot):\n    robot.wait(0.1)\n')
    assert report.status == reports.VOID and report.error_code == 214
    assert 'policy process' in report.error_msg and 't.log' in report.error_msg
    assert 'No module named' in (folder / 'policy_logs' / 't.log').read_text()


def test_a_policy_that_eats_memory_gets_a_memory_error_and_fails(lab):
    report = rollout(lab, """
        def run(robot):
            kept = []
            while True:
                kept.append(bytearray(1 << 28))
                robot.wait(0.05)
        """)
    assert (report.status, report.error_code) == (reports.FAILED, policy_process.RAISED)
    assert 'MemoryError' in report.error_msg


def test_what_a_policy_may_use_is_bounded_and_it_is_the_first_to_go_when_memory_is_short(lab):
    report = rollout(lab, """
        import resource
        def run(robot):
            for name in ('AS', 'CORE', 'FSIZE', 'NOFILE', 'CPU', 'NPROC'):
                soft, hard = resource.getrlimit(getattr(resource, 'RLIMIT_' + name))
                assert 0 <= soft == hard != resource.RLIM_INFINITY, name
            assert open('/proc/self/oom_score_adj').read().strip() == '1000'
            try:
                open('big', 'wb').write(bytes(200 << 20))
            except OSError as error:
                print('told:', error)
            robot.wait(0.1)
        """)
    assert report.error_code == 0, report.error_msg
    assert 'told: ' in (lab[1] / 'policy_logs' / 't.log').read_text()


def test_a_policy_has_no_ros(lab):
    report = rollout(lab, """
        import importlib
        def run(robot):
            for name in ('rclpy', 'rclpy.node', 'enpire_interfaces.msg', 'enpire_safety.gate', 'enpire_drivers'):
                try:
                    importlib.import_module(name)
                except ImportError as error:
                    print('told:', error)
            assert os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'OFF'
            robot.wait(0.1)
        """)
    assert report.error_code == 0, report.error_msg
    assert (lab[1] / 'policy_logs' / 't.log').read_text().count('a policy has') == 5


def test_a_pipe_or_a_device_in_place_of_a_policy_file_keeps_nobody_waiting(lab):
    runner, folder = lab
    fifo = str(folder / 'fifo.py')
    os.mkfifo(fifo)
    link = str(folder / 'link.py')
    os.symlink('/dev/zero', link)
    for path in (fifo, link, str(folder), 'a\0b', str(folder / '\udcff')):
        report = runner.rollout('t', 7, path)
        assert (report.status, report.error_code, report.ticks) == (reports.FAILED, 203, 0), path
        assert 'expected' in report.error_msg


def test_captures_without_a_tick_are_counted(lab):
    report = rollout(lab, """
        def run(robot):
            reading = int(sys.argv[1])
            while True:
                say({'op': 'capture', 'camera': 'left_wrist_camera'})
                size = struct.unpack('<I', os.read(reading, 4))[0]
                while size:
                    size -= len(os.read(reading, size))
        """)
    assert report.error_code == policy_process.CPU and 'in one tick' in report.error_msg


def test_children_without_a_parent_use_the_policy_s_cpu_time(lab):
    runner, _ = lab
    limit(runner, answer_cpu_s=0.5)
    source = daemon('while True: pass') + '    robot.wait(0.1)\n    time.sleep(100)\n'
    report = rollout(lab, source)
    assert report.error_code == policy_process.CPU, report.error_msg


def test_a_child_that_was_reaped_counts_once(lab):
    runner, _ = lab
    limit(runner, answer_cpu_s=1.2)
    report = rollout(lab, """
        import subprocess
        def run(robot):
            robot.wait(0.1)
            subprocess.run([sys.executable, '-S', '-c', 'import time\\nwhile time.process_time() < 0.8: pass'])
            robot.wait(0.1)
        """)
    assert report.error_code == 0, report.error_msg


def test_a_parent_of_a_vfork_that_sleeps_is_silent(lab):
    runner, _ = lab
    limit(runner, answer_silence_s=0.5)
    report = rollout(lab, """
        import ctypes
        CLONE, VFORK, SIGCHLD = {'x86_64': 56, 'aarch64': 220}[os.uname().machine], 0x4000, 17
        def run(robot):
            robot.wait(0.1)
            if ctypes.CDLL(None).syscall(CLONE, VFORK | SIGCHLD, 0, 0, 0, 0) == 0:
                time.sleep(100)
        """)
    assert report.error_code == policy_process.SILENT, report.error_msg
    assert report.wall_duration_s < 30.0


def test_naps_too_short_to_be_seen_end_the_rollout_when_they_add_up(lab):
    runner, _ = lab
    limit(runner, total_sleep_s=1.0)
    report = rollout(lab, """
        def run(robot):
            while True:
                time.sleep(0.04)
                robot.wait(0.03)
        """)
    assert report.error_code == policy_process.SILENT, report.error_msg
    assert 'short naps included' in report.error_msg and report.ticks > 20


def test_a_policy_that_dies_while_its_child_holds_the_pipe_ends_with_its_own_status(lab):
    report = rollout(lab, """
        def run(robot):
            robot.wait(0.1)
            if os.fork() == 0:
                os.setsid()
                time.sleep(100)
            os._exit(3)
        """)
    assert report.error_code == policy_process.EXITED and 'status 3' in report.error_msg, report.error_msg


def test_a_policy_that_kills_its_guard_kills_nobody(lab):
    report = rollout(lab, """
        def run(robot):
            for number in (9, 15, 19):
                try:
                    os.kill(os.getppid(), number)
                except PermissionError:
                    continue
            robot.wait(0.1)
        """)
    assert report.error_code == 0, report.error_msg
