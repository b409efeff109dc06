"""Commands that look at a running lab: goals, Ctrl-C, stop, status and clear, with a fake station."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest
from bringup_waiting import PATIENCE_S, until
from typer.testing import CliRunner

rclpy = pytest.importorskip('rclpy')
pytest.importorskip('enpire_interfaces.msg')
domain_coordinator = pytest.importorskip('domain_coordinator')

from enpire_bringup import graph  # noqa: E402
from enpire_bringup.cli import make_app  # noqa: E402
from rclpy.action.client import ClientGoalHandle  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


def environment():
    paths = [str(path) for path in HERE.parent.parent.glob('enpire_*')]
    return dict(os.environ, PYTHONPATH=os.pathsep.join([*paths, os.environ.get('PYTHONPATH', '')]))


@pytest.fixture(autouse=True)
def own_domain(monkeypatch, tmp_path):
    """Give this test, and the processes that it starts, a domain that no other test has."""
    with domain_coordinator.domain_id() as domain:
        monkeypatch.setenv('ROS_DOMAIN_ID', str(domain))
        monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        monkeypatch.setenv('TMPDIR', str(tmp_path))
        monkeypatch.setattr('tempfile.tempdir', None)
        yield str(domain)


@pytest.fixture
def station(tmp_path):
    """Return a function that starts a fake station and returns its process, once it is up."""
    with contextlib.ExitStack() as stack:
        def start(gate='passing'):
            process = stack.enter_context(subprocess.Popen(
                [sys.executable, str(HERE / 'fake_station.py'), str(tmp_path), gate], env=environment()))
            stack.callback(process.kill)
            until((tmp_path / f'up-{process.pid}').exists, 'the fake station')
            return process
        yield start


def call(*words, answer=None):
    """Return (exit code, output) of `enpire words...`, in this process."""
    result = CliRunner().invoke(make_app(), list(words), input=answer)
    return result.exit_code, result.output


def enpire(*words, **more):
    """Return (exit code, output) of `enpire words...`, in a process of its own."""
    done = subprocess.run(
        [sys.executable, '-c', 'from enpire_bringup.cli import main; main()', *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S,
        env=dict(environment(), **more))
    return done.returncode, done.stdout


@contextlib.contextmanager
def meanwhile(work):
    """Run ``work()`` in a thread beside the body; what it raises fails the test."""
    raised = []

    def run():
        try:
            work()
        except BaseException as error:
            raised.append(error)
            raise
    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join(PATIENCE_S)
    assert not raised, raised


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def short_silence(monkeypatch):
    monkeypatch.setattr(graph, 'SILENCE_S', 2.0)


def test_a_trial_whose_server_was_killed_is_given_up_though_a_successor_is_there(
        tmp_path, station, short_silence):
    def kill_and_replace():
        until((tmp_path / 'begun').exists, 'the goal')
        first.kill()
        station()
    first = station()
    with meanwhile(kill_and_replace):
        code, text = call('trial', 'my_policy.py', '--trial-id', 'works')
    assert code == 2
    assert 'the trial server is gone; the trial is void: expected feedback within 2 s, got none' in text


def test_a_server_that_is_silent_from_acceptance_on_is_given_up_too(station, short_silence):
    station()
    code, text = call('trial', 'my_policy.py', '--trial-id', 'silent')
    assert code == 2 and 'the trial is void' in text


def test_feedback_keeps_a_trial_waiting_for_longer_than_silence_may_last(tmp_path, station, monkeypatch):
    monkeypatch.setattr(graph, 'SILENCE_S', 0.7)
    heard = []

    def cancel_late():
        until(lambda: len(heard) > 20, 'two seconds of feedback')  # 0.1 s each
        ctrl_c()
    monkeypatch.setattr('enpire_bringup.commands.trial._Progress.__call__', lambda self, m: heard.append(m))
    station()
    with meanwhile(cancel_late):
        code, text = call('trial', 'my_policy.py', '--trial-id', 'works')
    assert code == 2 and 'reset: CANCELED' in text


@pytest.mark.parametrize('name', ['works', 'slow'])
def test_ctrl_c_cancels_a_trial_also_before_it_was_accepted(tmp_path, station, name):
    def interrupt():
        until((tmp_path / ('asked' if name == 'slow' else 'begun')).exists, 'the goal')
        ctrl_c()
        (tmp_path / 'accept').touch()
    station()
    with meanwhile(interrupt):
        code, text = call('trial', 'my_policy.py', '--trial-id', name)
    assert code == 2 and 'reset: CANCELED' in text


def test_a_second_ctrl_c_does_not_wait_for_a_trial_that_does_not_end(tmp_path, station):
    asked = []

    def interrupt_twice():
        until((tmp_path / 'begun').exists, 'the goal')
        ctrl_c()
        until(lambda: asked, 'the first to be taken')
        ctrl_c()
    cancel = ClientGoalHandle.cancel_goal_async

    def note(handle):
        asked.append(True)
        return cancel(handle)
    station()
    with pytest.MonkeyPatch.context() as patch, meanwhile(interrupt_twice):
        patch.setattr(ClientGoalHandle, 'cancel_goal_async', note)
        code, text = call('trial', 'my_policy.py', '--trial-id', 'stubborn')
    assert code == 2 and 'Ctrl-C again' in text


@pytest.mark.parametrize('seed', [2**64, -1])
def test_a_trial_seed_that_does_not_fit_is_refused(seed):
    code, text = call('trial', 'my_policy.py', f'--seed={seed}')
    assert code == 2 and "Invalid value for '--seed'" in text


def test_stop_works_where_nothing_can_be_written(station):
    station()
    code, text = enpire('stop', HOME='/proc/none', ROS_LOG_DIR='/proc/none', TMPDIR='/proc/none')
    assert code == 0 and 'unit0: stopped' in text, text


def test_commands_write_no_log_into_the_home_folder(tmp_path, station):
    (tmp_path / 'home').mkdir()
    station()
    assert enpire('stop', HOME=str(tmp_path / 'home'))[0] == 0
    assert list((tmp_path / 'home').rglob('*')) == []


def test_stop_names_the_gate_that_does_not_answer(station, monkeypatch):
    monkeypatch.setattr(graph, 'ANSWER_S', 3.0)
    station('deaf')
    code, text = call('stop')
    assert code == 1 and 'unit0: NOT STOPPED: its safety gate was not found' in text
    assert 'At least one gate did not confirm' in text


def test_a_cut_stops_the_gate_too_and_power_comes_back_only_after_asking(station):
    station()
    assert call('power') == (0, 'unit0: on\n')
    code, text = call('stop', '--cut-power')
    assert code == 0 and 'unit0: power cut\nunit0: stopped\n' in text and 'enpire power --restore' in text
    assert call('power') == (3, 'unit0: CUT: as the test wants it\n')
    code, text = call('power', '--restore', answer='n\n')
    assert code == 1 and 'is everybody away?' in text and 'unit0: stays without power' in text
    assert call('power')[0] == 3
    code, text = call('power', '--restore', '--unit', 'unit0', answer='y\n')
    assert code == 0 and 'unit0: its motors hold; `enpire clear` lets it work again' in text
    assert call('power', '--restore', '--yes') == (0, 'unit0: has power\n')


def test_a_cut_and_a_restore_wait_for_a_relay_that_takes_its_time(station):
    station('slow_relay')
    code, text = call('stop', '--cut-power', '--unit', 'unit0')
    assert code == 0 and 'unit0: power cut' in text
    code, text = call('power', '--restore', '--yes')
    assert code == 0 and 'its motors hold' in text


def test_a_cut_that_is_not_confirmed_is_no_success_and_can_not_be_restored(station):
    station('stuck_relay')
    code, text = call('stop', '--cut-power')
    assert code == 1 and 'unit0: POWER NOT CUT: asked, not confirmed' in text and 'unit0: stopped' in text
    assert call('power')[1] == 'unit0: CUT ASKED, NOT CONFIRMED: stay away: as the test wants it: the relay is stuck\n'
    code, text = call('power', '--restore', '--yes')
    assert code == 1 and 'NOT RESTORED: expected power that is cut, got: CUT ASKED' in text


def test_a_restore_that_the_driver_refuses_says_why(station):
    station('moving')
    call('stop', '--cut-power')
    code, text = call('power', '--restore', '--yes')
    assert code == 1 and 'unit0: NOT RESTORED: CUT: as the test wants it: not restored: the arms move' in text


def test_power_of_an_unknown_station_and_of_no_lab(station):
    assert call('power')[0] == 1
    station()
    code, text = call('power', '--unit', 'unit7')
    assert code == 1 and "expected a station of the lab (unit0), got 'unit7'" in text


def test_a_stop_of_a_station_that_is_not_there_is_no_success(station):
    station()
    code, text = call('stop', '--unit', 'unit7')
    assert code == 1 and 'unit7: NOT STOPPED: its safety gate was not found' in text and 'unit0' not in text


def test_stop_goes_by_discovery_where_the_lab_file_cannot_be_read(tmp_path, station):
    from enpire_bringup import lock

    station()
    with lock.hold() as note:
        note(str(tmp_path / 'removed'))
        assert call('stop') == (0, 'unit0: stopped\n`enpire clear` lets them move again.\n')
    os.unlink(lock.path_of(lock.own_domain()))
    os.symlink('/etc/hostname', lock.path_of(lock.own_domain()))
    assert call('stop')[0] == 0


@pytest.mark.parametrize('command', ['stop', 'clear', 'status', 'trial'])
def test_a_wrong_domain_is_refused_in_words(command):
    words = [command, 'my_policy.py'] if command == 'trial' else [command]
    code, text = enpire(*words, ROS_DOMAIN_ID='a/b')
    assert code == (2 if command == 'trial' else 1)
    assert text == ("ROS_DOMAIN_ID: expected a whole number from 0 to 232, got 'a/b': set it to one, or unset it\n")


def test_stop_in_the_wrong_domain_names_the_domain_of_the_lab(tmp_path, monkeypatch):
    from enpire_bringup import lock

    monkeypatch.setattr(graph, 'ANSWER_S', 0.5)
    with lock.hold('7') as note:
        note('/runs/elsewhere')
        code, text = call('stop')
    assert code == 1
    assert 'A lab runs in ROS domain 7 (/runs/elsewhere): set ROS_DOMAIN_ID=7 to reach it' in text


@pytest.mark.parametrize('gate, code', [('passing', 0), ('latched', 3), ('unknown', 3)])
def test_status_is_0_only_where_every_gate_says_that_it_is_not_stopped(station, gate, code):
    station(gate)
    found, text = call('status')
    assert found == code and {'passing': 'passing', 'latched': 'STOPPED', 'unknown': 'UNKNOWN'}[gate] in text


def test_status_says_that_nobody_hands_out_trials_and_that_there_is_no_picture_of_it(tmp_path, station):
    station('passing')
    found, text = call('status', '--svg', str(tmp_path / 'table.svg'))
    assert found == 0 and 'No trials are handed out now' in text and 'table.svg was not written' in text
    assert not (tmp_path / 'table.svg').exists()


@pytest.mark.parametrize('gate, code', [('passing', 0), ('latched', 0), ('unknown', 1)])
def test_clear_is_0_only_where_no_gate_is_stopped_afterwards(tmp_path, station, gate, code):
    station(gate)
    found, text = call('clear', '--yes')
    assert found == code, text
    assert (tmp_path / 'cleared').exists() is (gate == 'latched')
