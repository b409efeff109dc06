"""The view and the operator's hook as processes on the graph."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from bringup_waiting import PATIENCE_S, until

rclpy = pytest.importorskip('rclpy')
pytest.importorskip('enpire_interfaces.msg')
domain_coordinator = pytest.importorskip('domain_coordinator')

from enpire_bringup import graph, processes  # noqa: E402
from enpire_core import qos  # noqa: E402
from enpire_interfaces.msg import LabStatus, SafetyEvent, SafetyState, StationStatus  # noqa: E402
from enpire_research.campaign.ledger import Ledger  # noqa: E402
from enpire_research.trials.outbox import Outbox  # noqa: E402
from enpire_research.trials.report import Report  # noqa: E402
from std_msgs.msg import Empty  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(autouse=True)
def own_domain(monkeypatch):
    """Give this test, and the processes that it starts, a domain that no other test has."""
    with domain_coordinator.domain_id() as domain:
        monkeypatch.setenv('ROS_DOMAIN_ID', str(domain))
        monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        yield


@pytest.fixture
def start(tmp_path):
    running = []

    def call(module, node, namespace, values, stdin=None, **more):
        spec = processes.ProcessSpec('x', 'x', 'x', namespace, {node: values})
        path = tmp_path / f'{node}.yaml'
        path.write_text(processes.parameters_yaml(spec))
        words = processes.command(spec, module, str(path))[1:]
        paths = [str(path) for path in HERE.parent.parent.glob('enpire_*')]
        environment = dict(
            os.environ, PYTHONUNBUFFERED='1', **more,
            PYTHONPATH=os.pathsep.join([*paths, os.environ.get('PYTHONPATH', '')]))
        out = open(tmp_path / f'{node}.out', 'w+')
        code = f'import sys; from {module} import main; sys.exit(main())'
        running.append((subprocess.Popen([sys.executable, '-c', code, *words], stdin=stdin, stdout=out,
                                         stderr=subprocess.STDOUT, env=environment), out))
        return running[-1][0], lambda: (tmp_path / f'{node}.out').read_text()
    yield call
    for process, out in running:
        if process.poll() is None:
            process.kill()
            process.wait()
        out.close()


def write_lab(folder):
    (folder / 'lab.yaml').write_text('units: 2\nname: night\n')
    (folder / 'logs').mkdir()
    for unit in ('unit0', 'unit1'):
        (folder / unit / 'outbox').mkdir(parents=True)


def report():
    return Report('unit1', 'push_t', 't7', 'rollout', 1, True, status='failed', tries=1, score=0.25,
                  started_at_ns=time.time_ns(), wall_duration_s=2.0, end_ns=10**10,
                  error_msg='T not at the goal')


def test_plain_lines_name_each_trial_that_ended(tmp_path, start):
    write_lab(tmp_path)
    process, text = start('enpire_bringup.view.lab_view_node', 'lab_view', '/lab',
                          {'run_dir': str(tmp_path), 'plain': True})
    Outbox(tmp_path / 'unit1' / 'outbox').put(report())
    until(lambda: 't7' in text() or process.poll() is not None, 'the line')
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    assert 'unit1 t7 rollout FAILED, score 0.250, 5.0x real time; 0 of 1 succeeded: ' \
           'T not at the goal' in text()


def test_plain_lines_name_each_idea_and_decision_of_a_campaign_but_not_those_before_the_lab_was_started(
        tmp_path, start):
    write_lab(tmp_path)
    (tmp_path / 'lab.yaml').write_text('units: 2\nname: night\ncampaign:\n')
    decision = {'round': 1, 'candidate': 1, 'against': 0, 'stage': 'confirm', 'kept': True,
                'figures': {'n': 16, 'successes': 12}, 'reason': '9 resets gained, 0 lost'}
    with Ledger.open(tmp_path / 'campaign', iter((100, 200)).__next__) as ledger:
        ledger.append('decision', {**decision, 'candidate': 7})
        process, text = start('enpire_bringup.view.lab_view_node', 'lab_view', '/lab',
                              {'run_dir': str(tmp_path), 'plain': True, 'began_ns': 150})
        Outbox(tmp_path / 'unit1' / 'outbox').put(report())
        until(lambda: 't7' in text() or process.poll() is not None, 'the line of a trial')
        ledger.append('decision', decision)
        until(lambda: 'idea 1' in text() or process.poll() is not None, 'the line of a decision')
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    assert 'idea 1 KEPT, the champion now, 12 of 16: 9 resets gained, 0 lost' in text()
    assert 'idea 7' not in text() and 'succeeded' not in text()


def test_a_trial_that_ends_in_the_last_moment_is_still_named(tmp_path, start):
    write_lab(tmp_path)
    process, text = start('enpire_bringup.view.lab_view_node', 'lab_view', '/lab',
                          {'run_dir': str(tmp_path), 'plain': True, 'period_s': 10.0})
    with graph.connect() as lab:
        assert lab.until(lambda: lab.listeners('/lab/status'), PATIENCE_S)
    Outbox(tmp_path / 'unit1' / 'outbox').put(report())
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    assert 't7' in text()


@pytest.mark.parametrize('keys, stops', [(b's', 1), (b'xqS', 0), (b'xs', 1)])
def test_the_key_s_stops_all_arms_and_no_other_key_does(tmp_path, start, keys, stops):
    write_lab(tmp_path)
    process, text = start('enpire_bringup.view.lab_view_node', 'lab_view', '/lab',
                          {'run_dir': str(tmp_path), 'plain': True, 'keys': True}, stdin=subprocess.PIPE)
    heard = []
    with graph.connect() as lab:
        lab._node.create_subscription(Empty, '/emergency_stop', heard.append, qos.EVENTS)
        assert lab.until(lambda: lab._node.count_publishers('/emergency_stop') > 0, PATIENCE_S)
        # Who publishes may know of us a little later than we of it: pressed until it is heard, as a person would.
        wanted = time.monotonic() + (PATIENCE_S if stops else 1.0)
        while len(heard) < max(stops, 1) and time.monotonic() < wanted and process.poll() is None:
            process.stdin.write(keys)
            process.stdin.flush()
            lab.until(lambda: heard, 0.5)
    assert bool(heard) == bool(stops)
    process.stdin.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    assert ('stopped by a key' in text()) == bool(stops)


def test_the_table_shows_what_the_runner_says(tmp_path, start):
    write_lab(tmp_path)
    process, text = start('enpire_bringup.view.lab_view_node', 'lab_view', '/lab',
                          {'run_dir': str(tmp_path)}, FORCE_COLOR='1', COLUMNS='100')
    with graph.connect() as lab:
        publisher = lab._node.create_publisher(LabStatus, '/lab/status', qos.STATE)
        assert lab.until(publisher.get_subscription_count, PATIENCE_S)
        publisher.publish(LabStatus(
            lab='night', task='push_t', policy='/x/start.py', trials_wanted=20, simulated=True,
            stations=[StationStatus(unit='unit0', phase=StationStatus.PHASE_ROLLOUT, trial_id='t9',
                                    trials=4, successes=1, real_time_factor=7.5,
                                    reason='the last reason')]))
        assert lab.until(lambda: 'rollout t9' in text(), PATIENCE_S), text()
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    shown = text()
    assert 'SIMULATED' in shown and '7.5x' in shown and 'the last reason' in shown
    assert '25% (5..70)' in shown


def test_the_table_of_a_campaign_shows_what_the_research_node_says(tmp_path, start):
    write_lab(tmp_path)
    (tmp_path / 'lab.yaml').write_text('units: 1\nname: night\ncampaign:\n')
    process, text = start('enpire_bringup.view.lab_view_node', 'lab_view', '/lab',
                          {'run_dir': str(tmp_path)}, FORCE_COLOR='1', COLUMNS='100')
    with graph.connect() as lab:
        publisher = lab._node.create_publisher(LabStatus, '/lab/status', qos.STATE)
        assert lab.until(publisher.get_subscription_count, PATIENCE_S)
        publisher.publish(LabStatus(
            lab='night', task='push_t', policy='/x/start.py', trials_wanted=400, trials_done=77, simulated=True,
            stage='round 2: screening 6 ideas', candidates=9, champion=4, champion_trials=28, champion_successes=21,
            eta_s=600.0))
        assert lab.until(lambda: 'idea 4' in text(), PATIENCE_S), text()
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    shown = text()
    assert 'round 2: screening 6 ideas' in shown and '77 of ' in shown and 'about 10:00 to go' in shown


def test_a_file_that_is_no_report_is_told(tmp_path, start):
    write_lab(tmp_path)
    (tmp_path / 'unit0' / 'outbox' / 'x.rollout.json').write_text('{')
    process, text = start('enpire_bringup.view.lab_view_node', 'lab_view', '/lab',
                          {'run_dir': str(tmp_path), 'plain': True})
    until(lambda: 'x.rollout.json' in text() or process.poll() is not None, 'the line')
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    assert text().count('not counted: ') == 1


def latch(lab, clears):
    """Publish a latched gate of unit0 that can be cleared; return its publisher."""
    def clear(request, response):
        clears.append(True)
        response.success = True
        return response
    lab._node.create_service(Trigger, '/unit0/safety_gate/clear', clear)
    publisher = lab._node.create_publisher(SafetyState, '/unit0/safety_state', qos.STATE)
    publisher.publish(SafetyState(mode=SafetyState.MODE_LATCHED, reason='tripped by hand', latches=1))
    return publisher


@pytest.mark.parametrize('code', [0, 3])
def test_the_hook_hears_the_reason_and_only_its_exit_code_0_clears(tmp_path, start, code):
    kept = tmp_path / 'asked'
    _, text = start('enpire_bringup.operator_hook_node', 'operator_hook', '/lab', {
        'units': ['unit0'],
        'command': ['sh', '-c', f'echo "$1|$2" >> {kept}; exit {code}', 'hook']})
    clears = []
    with graph.connect() as lab:
        publisher = latch(lab, clears)
        assert publisher is not None
        done = (lambda: clears) if code == 0 else (lambda: 'it stays stopped' in text())
        assert lab.until(done, PATIENCE_S), text()
    assert kept.read_text() == 'unit0|tripped by hand\n'
    assert bool(clears) is (code == 0)


def test_a_trip_while_the_hook_command_runs_is_not_cleared_by_its_answer_but_asked_about(tmp_path, start):
    os.mkfifo(tmp_path / 'answer')
    kept = tmp_path / 'asked'
    _, text = start('enpire_bringup.operator_hook_node', 'operator_hook', '/lab', {
        'units': ['unit0'],
        'command': ['sh', '-c', f'echo "$1|$2" >> {kept}; read line < {tmp_path}/answer; exit 0', 'hook']})
    clears = []
    with graph.connect() as lab:
        events = lab._node.create_publisher(SafetyEvent, '/unit0/safety_events', qos.EVENTS)
        assert lab.until(events.get_subscription_count, PATIENCE_S)
        publisher = latch(lab, clears)
        assert lab.until(kept.exists, PATIENCE_S), text()
        events.publish(SafetyEvent(kind=SafetyEvent.KIND_LATCH, rule='operator', text='tripped again'))
        assert events.wait_for_all_acked()
        (tmp_path / 'answer').write_text('yes\n')
        assert lab.until(lambda: 'not cleared' in text(), PATIENCE_S), text()
        assert not clears
        publisher.publish(SafetyState(mode=SafetyState.MODE_LATCHED, reason='tripped by hand', latches=1))
        assert lab.until(lambda: kept.read_text().count('tripped by hand') == 2, PATIENCE_S), text()
        (tmp_path / 'answer').write_text('yes\n')
        assert lab.until(lambda: clears, PATIENCE_S), text()
