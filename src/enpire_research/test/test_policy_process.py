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
import trial_helpers
from enpire_core import processes
from enpire_core.types import CameraInfo, JointState
from enpire_research.trials import given, policy_process, reset, rollout, wire
from enpire_research.trials.budget import CPU, SILENT, Budget, Meter, Sample
from enpire_research.trials.station import StationFault
from enpire_safety.sandbox import choice, probe
from enpire_safety.sandbox.confinement import SandboxError

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


def test_states_and_cameras_go_through_unchanged():
    random = np.random.default_rng(0)
    state = JointState(123456789, *random.normal(size=(3, 14)))
    back = wire.unpack_state(wire.pack_state(state))
    assert back.stamp_ns == state.stamp_ns
    for name in ('positions', 'velocities', 'efforts'):
        assert (getattr(back, name) == getattr(state, name)).all()
    info = CameraInfo('top_camera', 6, 4, np.eye(3) * 433.1, 'station', np.eye(4))
    seen = wire.unpack_camera_info(wire.decode(wire.encode(wire.pack_camera_info(info))[4:]))
    assert (seen.matrix == info.matrix).all() and (seen.pose == info.pose).all() and seen.parent == 'station'


# ---- processes -----------------------------------------------------------------------------
START = {'seed': 1, 'model': '', 'limits': {}}


@pytest.fixture(scope='module', params=trial_helpers.launchers())
def launcher(request):
    """Each sandbox that this machine has."""
    return request.param


@pytest.fixture
def hosts(launcher):
    """PolicyHosts of that sandbox."""
    hosts = policy_process.PolicyHosts(launcher=launcher)
    yield hosts
    hosts.close()


def host_of(process):
    """Return the pid of the policy's own program, or None where it hasn't begun."""
    guard = process._confined.guard()
    return next((pid for pid, found in process._confined.members().items() if found.parent == guard), None)


def test_a_process_started_ahead_serves_one_policy_and_dies_with_its_host_object(hosts):
    hosts.prepare()
    first = hosts.take()
    second = hosts.take()
    assert first.pid != second.pid
    assert first.kill() == [] and first.kill() == [] and second.kill() == []
    assert not os.path.exists(f'/proc/{first.pid}')
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


# A trial server that loads a policy and waits; it prints the pids of its processes, and of those that wait.
SERVER = """
import sys
from enpire_research.trials.policy_process import PolicyHosts
from enpire_research.trials.trial_setup import model_file
from enpire_safety.sandbox import probe
hosts = PolicyHosts(launcher={kind.name: kind for kind in probe.LAUNCHERS}[sys.argv[2]]())
process = hosts.take()
hosts.prepare()
limits = dict.fromkeys(('lower', 'upper', 'velocity', 'effort', 'kp', 'kd', 'home'), [1.0] * 14) | {'tool_speed': 1.0}
start = {'source': sys.argv[1], 'seed': 1, 'model': model_file(), 'limits': limits}
process.load(start, 'log', lambda: None, lambda: False)
ahead = hosts._ahead.result()._confined
ahead.wait_ready(20.0)
for one in (process._confined, ahead):
    print(*(pid for pid, found in one.members().items() if found.state != b'Z'), flush=True)
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
print('left', int(os.read(ready[0], 20)), flush=True)
def run(robot):
    pass
"""


def test_nothing_is_left_of_a_policy_when_its_server_is_killed(launcher, open_folder):
    homes = open_folder / 'homes'
    homes.mkdir()
    environ = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path)), 'TMPDIR': str(homes)}
    server = subprocess.Popen([sys.executable, '-c', SERVER, LEAVES, launcher.name], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, env=environ, cwd=open_folder)
    served, waiting = ({int(word) for word in server.stdout.readline().split()} for _ in range(2))
    # Its own program, what it left, a guard, and with bubblewrap the guard's parent.
    assert len(served) == (4 if launcher.name == 'bubblewrap' else 3), (open_folder / 'log').read_text()
    assert len(waiting) in (len(served) - 1, len(served) - 2)  # its program may not have begun
    server.kill()
    server.wait()
    server.stdin.close()
    server.stdout.close()
    until(lambda: all(gone(pid) for pid in served | waiting), 'something lives on')
    until(lambda: not os.listdir(homes), 'a home is left')


def test_where_its_guard_is_killed_what_a_policy_left_is_found_and_its_end_is_told(hosts, tmp_path):
    process = hosts.take()
    members = []

    def kill_it():
        if 'left' in (tmp_path / 'log').read_text():
            members.extend(process._confined.members())
            os.kill(process.pid, 9)
        return False
    start = {**START, 'source': LEAVES + 'signal.pause()\n'}
    with pytest.raises(policy_process.PolicyFailure, match='signal 9') as caught:
        process.load(start, str(tmp_path / 'log'), lambda: None, kill_it)
    assert caught.value.code == policy_process.EXITED
    assert process.kill() == [] and len(members) >= 3
    assert all(map(gone, members))


def test_whenever_the_first_of_its_processes_is_killed_nothing_is_left(hosts):
    others = trial_helpers.running('policy_host')
    for _ in range(8):
        process = hosts.take()
        os.kill(process.pid, 9)
        assert process.kill() == []
        assert set(trial_helpers.running('policy_host')) <= set(others)


def test_how_a_policy_ended_is_told_by_status_and_by_signal(hosts, tmp_path):
    for source, words in (('import os\nos._exit(3)', 'exited with status 3'), ('import sys\nsys.exit(0)', 'status 0'),
                          ('import os\nos.kill(os.getpid(), 11)', 'SIGSEGV'),
                          ('import os\nos.kill(os.getpid(), 9)', 'SIGKILL')):
        process = hosts.take()
        with pytest.raises(policy_process.PolicyFailure, match=words):
            process.load({**START, 'source': source}, str(tmp_path / 'log'), lambda: None, lambda: False)
        process.kill()


def test_a_policy_that_ended_is_not_said_to_have_gone_on_where_its_guard_is_slow_to_tell(hosts, tmp_path, monkeypatch):
    monkeypatch.setattr(policy_process, 'EXIT_WAIT_S', 0.0)
    process = hosts.take()
    start = {**START, 'source': 'import os\nos._exit(3)\n'}
    kept_alive = []
    with pytest.raises(policy_process.PolicyFailure, match='exited with status 3'):
        process.load(start, str(tmp_path / 'log'), lambda: kept_alive.append(1), lambda: False)
    assert kept_alive  # the world must hear of us while we wait
    process.kill()


def test_a_server_that_was_kept_from_hearing_an_answer_accuses_nobody(launcher):
    late_s = [0.0]
    process = policy_process.PolicyProcess(launcher, clock=lambda: time.monotonic() + late_s[0])
    try:
        until(lambda: select.select([process._read], [], [], 0.1)[0], 'its first word')
        process._seen_s = -1e9  # look at it now
        process._begin()
        late_s[0] = 10.0  # a busy machine: we come to read it only now, and the policy sleeps
        assert process._receive(lambda: None, lambda: False)['op'] == 'ready'
    finally:
        process.kill()


def test_a_process_killed_while_it_waits_for_its_policy_is_replaced(hosts):
    hosts.prepare()
    waiting = hosts._ahead.result()
    until(lambda: host_of(waiting) is not None, 'it did not start')
    assert waiting.alive()
    os.kill(host_of(waiting), 9)
    until(lambda: not waiting.alive(), 'it lives on')
    taken = hosts.take()
    assert taken is not waiting and taken.alive() and gone(waiting.pid)
    taken.kill()


def test_a_process_that_dies_before_it_has_its_policy_is_a_fault_of_ours(hosts, tmp_path):
    process = hosts.take()
    process._confined.wait_ready(20.0)
    os.kill(process.pid, 9)
    until(lambda: not process.alive(), 'it lives on')
    with pytest.raises(StationFault, match='did not start'):
        process.load({**START, 'source': 'x' * 100000}, str(tmp_path / 'log'), lambda: None, lambda: False)
    process.kill()


def test_without_a_sandbox_no_policy_is_started_and_what_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(probe, 'LAUNCHERS', ())
    choice.launcher.cache_clear()
    try:
        with pytest.raises(choice.NoSandbox, match='without one none of it runs'):
            policy_process.PolicyHosts()
    finally:
        choice.launcher.cache_clear()


def test_a_sandbox_that_fails_later_is_a_fault_of_ours_and_says_so():
    class Broken:
        def home(self, size):
            raise SandboxError('expected bwrap, and it is not installed')
    hosts = policy_process.PolicyHosts(launcher=Broken())
    with pytest.raises(StationFault, match='cannot be confined: expected bwrap'):
        hosts.take()
    hosts._ahead = None
    hosts.close()
