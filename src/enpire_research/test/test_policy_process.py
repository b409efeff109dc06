"""The policy's process: its budgets, its pipe, its end. The pure parts alone, without a station."""

import os
import re
import subprocess
import sys
import time

import msgpack
import numpy as np
import pytest
from enpire_core.types import CameraInfo, Frame, JointState
from enpire_research.trials import policy_process, proc, reset, rollout, wire
from enpire_research.trials.budget import CPU, SILENT, Budget, Meter, Sample

ACTIONS = os.path.join(os.path.dirname(__file__), '..', '..', 'enpire_interfaces', 'action')


def codes(action):
    with open(os.path.join(ACTIONS, f'{action}.action'), encoding='utf-8') as handle:
        return {name: int(value) for name, value in re.findall(r'^u?int\d+ (\w+)=(\d+)', handle.read(), re.M)}


def test_the_codes_of_the_trial_core_are_those_of_the_interfaces():
    known = codes('Rollout')
    for module, names in ((policy_process, {'SYNTAX': 'POLICY_SYNTAX', 'NO_ENTRY': 'POLICY_NO_ENTRY',
                                            'RAISED': 'POLICY_RAISED', 'EXITED': 'POLICY_EXITED',
                                            'SILENT': 'POLICY_SILENT', 'CPU': 'POLICY_CPU',
                                            'BAD_ACTION': 'POLICY_BAD_ACTION'}),
                          (rollout, {'UNREADABLE': 'POLICY_UNREADABLE', 'OUTPUT': 'POLICY_OUTPUT',
                                     'REFUSED': 'REFUSED', 'NOT_JUDGED': 'SCENE_NOT_JUDGED'})):
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
    meter.started(19.9)
    return meter


def test_starting_up_has_a_budget_of_its_own():
    meter = Meter(Budget())
    meter.begin(Sample(0.0, 0.0, True))
    kind, text = meter.look(Sample(30.0, 20.1, True))
    assert kind == CPU and 'to start' in text


def test_an_answer_may_use_a_second_of_cpu_and_no_more(meter):
    assert meter.begin(Sample(2.0, 20.0, True)) is None
    assert meter.look(Sample(9.0, 20.99, True)) is None
    kind, text = meter.look(Sample(9.1, 21.01, True))
    assert kind == CPU and '1 s a tick' in text


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
    proc.adopt_orphans()
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


def test_a_policy_process_dies_with_the_process_that_started_it(tmp_path):
    code = ('import os, time\nfrom enpire_research.trials.policy_process import PolicyHosts\n'
            'print(PolicyHosts().take().pid, flush=True)\ntime.sleep(99)')
    server = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE,
                              env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)})
    policy = int(server.stdout.readline())
    assert os.path.exists(f'/proc/{policy}')
    server.kill()
    server.wait()
    end = time.monotonic() + 10
    while os.path.exists(f'/proc/{policy}') and proc._stat(policy)[3] != b'Z':
        assert time.monotonic() < end, 'it lives on'
    server.stdout.close()
