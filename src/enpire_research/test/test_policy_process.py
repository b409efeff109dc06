"""The policy's process: its budgets, its pipe, its end. The pure parts alone, without a station."""

import os
import re
import select
import subprocess
import sys
import time

import msgpack
import numpy as np
import pytest
from enpire_core import processes
from enpire_core.types import CameraInfo, Frame, JointState
from enpire_research.trials import given, policy_guard, policy_process, proc, reset, rollout, wire
from enpire_research.trials.budget import CPU, SILENT, Budget, Meter, Sample
from enpire_research.trials.station import StationFault

ACTIONS = os.path.join(os.path.dirname(__file__), '..', '..', 'enpire_interfaces', 'action')


def codes(action):
    with open(os.path.join(ACTIONS, f'{action}.action'), encoding='utf-8') as handle:
        return {name: int(value) for name, value in re.findall(r'^u?int\d+ (\w+)=(\d+)', handle.read(), re.M)}


def test_the_codes_of_the_trial_core_are_those_of_the_interfaces():
    known = codes('Rollout')
    for module, names in ((policy_process, {'SYNTAX': 'POLICY_SYNTAX', 'NO_ENTRY': 'POLICY_NO_ENTRY',
                                            'RAISED': 'POLICY_RAISED', 'EXITED': 'POLICY_EXITED',
                                            'SILENT': 'POLICY_SILENT', 'CPU': 'POLICY_CPU',
                                            'BAD_ACTION': 'POLICY_BAD_ACTION', 'ARTIFACT': 'POLICY_ARTIFACT'}),
                          (given, {'UNREADABLE': 'POLICY_UNREADABLE'}),
                          (rollout, {'OUTPUT': 'POLICY_OUTPUT', 'REFUSED': 'REFUSED',
                                     'NOT_JUDGED': 'SCENE_NOT_JUDGED'})):
        for ours, theirs in names.items():
            assert getattr(module, ours) == known[f'ERROR_{theirs}'], ours
    for module, action in ((rollout, 'Rollout'), (reset, 'Reset')):
        known = codes(action)
        assert module.CODES == type(module.CODES)(known['ERROR_STATION_FAULT'], known['ERROR_LATCHED'],
                                                  known['ERROR_CANCELED'], known['ERROR_INTERNAL'])
    assert (rollout.STARTING, rollout.POLICY, rollout.RETREAT, rollout.VERDICT) == tuple(
        codes('Rollout')[f'STEP_{name}'] for name in ('STARTING', 'POLICY', 'RETREAT', 'VERDICT'))
    known = codes('Reset')
    assert (reset.LOOK, reset.MOVE, reset.VERIFY) == tuple(known[f'STEP_{n}'] for n in ('LOOK', 'MOVE', 'VERIFY'))
    assert (reset.NOT_VERIFIED, reset.NOT_FOUND, reset.REFUSED) == tuple(
        known[f'ERROR_{n}'] for n in ('NOT_VERIFIED', 'SCENE_NOT_FOUND', 'REFUSED'))


# ---- budgets -------------------------------------------------------------------------------
@pytest.fixture
def meter():
    meter = Meter(Budget())
    meter.begin(Sample(0.0, 0.0, True))
    assert meter.look(Sample(1.0, 19.9, True)) is None
    meter.started(Sample(1.0, 19.9, True))
    return meter


def test_starting_up_has_a_budget_of_its_own():
    meter = Meter(Budget())
    meter.begin(Sample(0.0, 0.0, True))
    kind, text = meter.look(Sample(30.0, 20.1, True))
    assert kind == CPU and 'to start' in text


def test_an_answer_may_use_three_seconds_of_cpu_and_no_more(meter):
    assert meter.begin(Sample(2.0, 20.0, True)) is None
    assert meter.look(Sample(9.0, 22.99, True)) is None
    kind, text = meter.look(Sample(9.1, 23.01, True))
    assert kind == CPU and 'at most 3 s' in text


def test_answers_too_short_to_be_looked_at_still_add_up(meter):
    verdict, cpu = None, 20.0
    for k in range(70):
        verdict = meter.begin(Sample(k * 1.0, cpu, True))
        if verdict:
            break
        cpu += 0.9
    assert verdict[0] == CPU and '60 s' in verdict[1] and 65 <= k <= 68


def test_silence_is_time_without_cpu_while_nothing_wants_to_run(meter):
    meter.begin(Sample(0.0, 20.0, True))
    for k in range(1, 100):  # waits for a busy machine: it wants to run
        assert meter.look(Sample(k * 0.1, 20.0, True)) is None
    meter.begin(Sample(10.0, 20.0, True))
    verdicts = [meter.look(Sample(10.0 + k * 0.1, 20.0, False)) for k in range(1, 40)]
    first = next(i for i, verdict in enumerate(verdicts) if verdict)
    assert verdicts[first][0] == SILENT and 29 <= first <= 30


def test_naps_in_every_tick_add_up_to_silence(meter):
    verdict, wall = None, 0.0
    while verdict is None and wall < 100:
        meter.begin(Sample(wall, 20.0, True))
        wall += 1.0
        verdict = meter.look(Sample(wall, 20.0, False))
    assert verdict[0] == SILENT and 'in all' in verdict[1] and 30 < wall < 33


def test_naps_too_short_to_be_seen_add_up_too(meter):
    verdict, waited = None, 0.0
    for k in range(2000):  # 0.08 s asleep in each answer, and not one look at it
        verdict = meter.begin(Sample(k * 0.1, 20.0 + k * 0.001, True, waited_s=waited))
        if verdict:
            break
        waited += 0.081
    assert verdict[0] == SILENT and '120 s' in verdict[1] and 1500 <= k <= 1502


def test_waking_for_a_moment_between_two_looks_is_still_sleep(meter):
    meter.begin(Sample(0.0, 20.0, True))
    verdicts = []
    for k in range(1, 1300):
        verdicts.append(meter.look(Sample(k * 0.1, 20.0 + k * 1e-4, False, waited_s=k * 0.1)))
        if k % 500 == 0:
            verdicts.append(meter.begin(Sample(k * 0.1, 20.0 + k * 1e-4, True, waited_s=k * 0.1)))
    first = next(verdict for verdict in verdicts if verdict)
    assert first[0] == SILENT and 'in this rollout' in first[1]


def test_a_busy_machine_does_not_turn_waiting_for_a_cpu_into_sleep(meter):
    for k in range(3000):
        assert meter.begin(Sample(k * 0.1, 20.0 + k * 0.01, True, waited_s=k * 0.1, delayed_s=k * 0.09)) is None


def test_a_disk_may_keep_a_policy_but_not_for_ever(meter):
    meter.begin(Sample(0.0, 20.0, True))
    verdicts = [meter.look(Sample(k * 0.1, 20.0, False, True)) for k in range(1, 100)]
    assert not any(verdicts[:55]) and verdicts[62][0] == SILENT
    meter.begin(Sample(10.0, 20.0, True))
    for k in range(1, 100):  # it comes on
        assert meter.look(Sample(10.0 + k * 0.1, 20.0 + k * 0.005, False, True)) is None


def test_wall_time_has_an_end_too(meter):
    meter.begin(Sample(0.0, 20.0, True))
    kind, text = meter.look(Sample(60.5, 20.5, True))
    assert kind == SILENT and 'wall time' in text


def test_nan_uses_up_every_budget(meter):
    meter.begin(Sample(0.0, 20.0, True))
    assert meter.look(Sample(float('nan'), 20.0, True))[0] == SILENT
    assert meter.look(Sample(1.0, float('nan'), True))[0] == CPU


# ---- the wire ------------------------------------------------------------------------------
def test_messages_come_out_of_the_pipe_whole_however_they_were_cut():
    inbox, data = wire.Inbox(1000), wire.encode({'op': 'done'}) + wire.encode({'n': [1, 2.5, b'x']})
    found = []
    for byte in data:
        inbox.feed(bytes([byte]))
        message = inbox.take()
        if message is not None:
            found.append(message)
    assert found == [{'op': 'done'}, {'n': [1, 2.5, b'x']}]


@pytest.mark.parametrize('data', [
    b'\xff\xff\xff\xff', b'\x00\x00\x00\x00', b'\x05\x00\x00\x00hello', wire._LENGTH.pack(1) + b'\xc1',
    wire._LENGTH.pack(1) + msgpack.packb(3), wire._LENGTH.pack(2) + msgpack.packb([1]),
    wire._LENGTH.pack(3) + msgpack.packb(msgpack.ExtType(5, b'x')), wire._LENGTH.pack(3) + msgpack.packb({1: 2})])
def test_what_is_no_message_is_refused(data):
    inbox = wire.Inbox(1000)
    inbox.feed(data)
    with pytest.raises(wire.WireError, match='expected'):
        inbox.take()


@pytest.mark.parametrize('data', [None, 'text', b'', b'x' * 111, [0.0] * 14])
def test_an_array_of_another_form_is_refused(data):
    with pytest.raises(wire.WireError, match='14 numbers'):
        wire.unpack_array(data, 'positions')


def test_states_frames_and_cameras_go_through_unchanged():
    random = np.random.default_rng(0)
    state = JointState(123456789, *random.normal(size=(3, 14)))
    back = wire.unpack_state(wire.pack_state(state))
    assert back.stamp_ns == state.stamp_ns
    for name in ('positions', 'velocities', 'efforts'):
        assert (getattr(back, name) == getattr(state, name)).all()
    frame = Frame('top_camera', 5, random.integers(0, 255, (4, 6, 3), dtype=np.uint8))
    again = wire.unpack_frame(wire.decode(wire.encode(wire.pack_frame(frame))[4:]))
    assert (again.color == frame.color).all() and again.stamp_ns == 5 and again.color.flags.writeable
    info = CameraInfo('top_camera', 6, 4, np.eye(3) * 433.1, 'station', np.eye(4))
    seen = wire.unpack_camera_info(wire.decode(wire.encode(wire.pack_camera_info(info))[4:]))
    assert (seen.matrix == info.matrix).all() and (seen.pose == info.pose).all() and seen.parent == 'station'


# ---- processes -----------------------------------------------------------------------------
def test_a_family_is_found_and_killed_with_children_of_children():
    code = ('import subprocess, sys, time\n'
            'c = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)"],'
            ' start_new_session=True)\nprint(c.pid, flush=True)\ntime.sleep(99)')
    processes.adopt_orphans()
    parent = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, start_new_session=True)
    child = int(parent.stdout.readline())
    members = proc.family(parent.pid)
    assert {parent.pid, child} <= set(members)
    assert proc.usage(parent.pid)[0] > 0.0
    assert proc.kill_family(parent.pid) == []
    assert not os.path.exists(f'/proc/{child}') and not os.path.exists(f'/proc/{parent.pid}')
    parent.wait()
    parent.stdout.close()


def test_a_process_started_ahead_serves_one_policy_and_dies_with_its_host_object():
    hosts = policy_process.PolicyHosts()
    hosts.prepare()
    first = hosts.take()
    second = hosts.take()
    assert first.pid != second.pid
    home = first._home
    assert os.path.isdir(home)
    assert first.kill() == [] and first.kill() == [] and second.kill() == []
    assert not os.path.exists(f'/proc/{first.pid}') and not os.path.exists(home)
    hosts.prepare()
    hosts.close()


def gone(pid):
    """Whether ``pid`` has ended; a zombie of a container without an init has."""
    found = processes.stat(pid)
    return found is None or found.state == b'Z'


def until(condition, what):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, what


# A trial server that loads a policy and waits; it prints the pids of the guard and of what the policy left.
SERVER = """
import sys, time
from enpire_research.trials.policy_process import PolicyHosts
from enpire_research.trials.trial_setup import model_file, home_positions
hosts = PolicyHosts()
process = hosts.take()
hosts.prepare()
limits = dict.fromkeys(('lower', 'upper', 'velocity', 'effort', 'kp', 'kd', 'home'), [1.0] * 14)
start = {'source': sys.argv[1], 'seed': 1, 'model': str(model_file()), 'limits': limits}
process.load(start, 'log', lambda: None, lambda: False)
print(process.pid, hosts._ahead.result().pid, flush=True)
sys.stdin.read()
"""
LEAVES = """
import os, signal, sys
ready = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear()
        os.write(ready[1], b'%d' % os.getpid())
        signal.pause()
    os._exit(0)
with open('@', 'wb') as handle:
    handle.write(os.read(ready[0], 20))
def run(robot):
    pass
"""


def serve(folder, source):
    """Return a running server, and the pids of guard, waiting guard, and what the policy left."""
    environ = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}
    server = subprocess.Popen([sys.executable, '-c', SERVER, source.replace('@', str(folder / 'pid'))],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, cwd=folder)
    guards = [int(word) for word in server.stdout.readline().split()]
    assert len(guards) == 2, (folder / 'log').read_text()
    return server, guards, int((folder / 'pid').read_text())


def end(server):
    server.kill()
    server.wait()
    server.stdin.close()
    server.stdout.close()


@pytest.mark.parametrize('stopped', [False, True])
def test_nothing_is_left_of_a_policy_when_its_server_is_killed(tmp_path, stopped):
    source = LEAVES + ('os.kill(os.getppid(), signal.SIGSTOP)\n' if stopped else '')
    server, guards, child = serve(tmp_path, source)
    until(lambda: len(proc.family(guards[1])) == 2, 'the next one was not started')
    family = {pid for guard in guards for pid in proc.family(guard) if not gone(pid)}
    assert len(family) == 5 and child in family  # two guards, two programs, what the policy left
    homes = [os.readlink(f'/proc/{guard}/cwd') for guard in guards]
    assert all(os.path.isdir(home) for home in homes)
    end(server)
    until(lambda: all(gone(pid) for pid in family), 'something lives on')
    left = {home: os.listdir(home) for home in homes if os.path.exists(home)}
    assert not left, left


def test_where_a_policy_kills_its_guard_the_server_still_finds_what_it_left(tmp_path):
    hosts = policy_process.PolicyHosts()
    process = hosts.take()
    source = LEAVES.replace('@', str(tmp_path / 'pid')) + 'os.kill(os.getppid(), signal.SIGKILL)\nsignal.pause()\n'
    start = {'source': source, 'seed': 1, 'model': '', 'limits': {}}
    with pytest.raises(policy_process.PolicyFailure, match='signal 9') as caught:
        process.load(start, str(tmp_path / 'log'), lambda: None, lambda: False)
    assert caught.value.code == policy_process.EXITED
    child = int((tmp_path / 'pid').read_text())
    assert process.kill() == []
    assert not os.path.exists(f'/proc/{child}')
    hosts.close()


def test_a_policy_that_ended_is_not_said_to_have_gone_on_where_its_guard_is_slow_to_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(policy_process, 'EXIT_WAIT_S', 0.0)
    hosts = policy_process.PolicyHosts()
    process = hosts.take()
    start = {'source': 'import os\nos._exit(3)\n', 'seed': 1, 'model': '', 'limits': {}}
    kept_alive = []
    with pytest.raises(policy_process.PolicyFailure, match='exited with status 3'):
        process.load(start, str(tmp_path / 'log'), lambda: kept_alive.append(1), lambda: False)
    assert len(kept_alive) > 1  # the world must hear of us while we wait
    process.kill()
    hosts.close()


def test_a_server_that_was_kept_from_hearing_an_answer_accuses_nobody():
    late_s = [0.0]
    process = policy_process.PolicyProcess(clock=lambda: time.monotonic() + late_s[0])
    try:
        until(lambda: select.select([process._read], [], [], 0.1)[0], 'its first word')
        process._seen_s = -1e9  # look at it now
        process._begin()
        late_s[0] = 10.0  # a busy machine: we come to read it only now, and the policy sleeps
        assert process._receive(lambda: None, lambda: False)['op'] == 'ready'
    finally:
        process.kill()


def test_a_guard_ends_as_its_command_did_and_kills_what_it_left(tmp_path):
    for code, status in (('sys.exit(7)', 7), ('os.kill(os.getpid(), 9)', -9), ('os.kill(os.getpid(), 11)', -11),
                         ('os.kill(os.getpid(), 15)', -15)):
        hold, kept = os.pipe()
        # The child holds the pipe: its end is seen by us when nothing is left of both.
        program = f'import os, sys, time\nif os.fork() == 0:\n    time.sleep(99)\n{code}'
        guard = subprocess.Popen([sys.executable, '-I', '-S', policy_guard.__file__, str(os.getpid()), str(kept),
                                  sys.executable, '-S', '-c', program], pass_fds=[kept])
        os.close(kept)
        assert os.read(hold, 1) == b''
        assert guard.wait() == status
        os.close(hold)


def test_a_guard_whose_server_is_not_there_any_more_starts_nothing(tmp_path):
    guard = subprocess.run([sys.executable, '-I', '-S', policy_guard.__file__, '1', '2', '/bin/touch',
                            str(tmp_path / 'started')])
    assert guard.returncode == 1 and not (tmp_path / 'started').exists()


def test_a_process_killed_while_it_waits_for_its_policy_is_replaced(tmp_path):
    hosts = policy_process.PolicyHosts()
    hosts.prepare()
    waiting = hosts._ahead.result()
    until(lambda: len(proc.family(waiting.pid)) == 2, 'it did not start')
    host = next(pid for pid in proc.family(waiting.pid) if pid != waiting.pid)
    assert waiting.alive()
    os.kill(host, 9)
    until(lambda: not waiting.alive(), 'it lives on')
    taken = hosts.take()
    assert taken is not waiting and taken.alive() and gone(waiting.pid)
    taken.kill()
    hosts.close()


def test_a_process_that_dies_before_it_has_its_policy_is_a_fault_of_ours(tmp_path):
    hosts = policy_process.PolicyHosts()
    process = hosts.take()
    os.kill(process.pid, 9)
    until(lambda: not process.alive(), 'it lives on')
    start = {'source': 'x' * 100000, 'seed': 1, 'model': '', 'limits': {}}
    with pytest.raises(StationFault, match='did not start'):
        process.load(start, str(tmp_path / 'log'), lambda: None, lambda: False)
    process.kill()
    hosts.close()
