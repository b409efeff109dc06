"""How `enpire bench` puts its figures together from what was noted; no ROS graph is started."""

import psutil
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('mujoco')

from enpire_research.bench import gate, lab, memory, pace, page, run  # noqa: E402
from enpire_research.bench.direct import Watch, parts  # noqa: E402


def noted(count, each_ns):
    return {str(stamp): 1_000_000 + stamp * 10 + each_ns for stamp in range(count)}


def test_the_gate_figures_are_latencies_after_the_warm_up_and_their_ratio():
    count = gate.WARM_UP + 20
    driver = {'received': {'relay': noted(count, 2000), 'gate': noted(count, 3000)}, 'resent': 1}
    requester = {'sent': {'relay': noted(count, 0), 'gate': noted(count, 0)}, 'decided': noted(count, 4000)}
    found = gate.figures([(driver, requester)])
    assert found['relay']['median'] == 2.0 and found['gate']['count'] == 20
    assert found['ratio_median'] == found['ratio_p99'] == 1.5 and found['decided']['mean'] == 4.0


def test_the_gate_figures_of_several_starts_are_of_all_their_commands_and_the_ratio_of_each_is_kept():
    def start(gate_ns, count=gate.WARM_UP + 20):
        sent = {'relay': noted(count, 0), 'gate': noted(count, 0)}
        return ({'received': {'relay': noted(count, 2000), 'gate': noted(count, gate_ns)}, 'resent': 1},
                {'sent': sent, 'decided': noted(count, 5000)})
    found = gate.figures([start(2000), start(3000), start(4000)])
    assert found['ratios'] == [1.0, 1.5, 2.0] and found['ratio_median'] == 1.5
    assert found['gate']['count'] == 60 and found['gate']['mean'] == 3.0 and found['resent_states'] == 3


def test_the_parts_of_a_tick_add_up_to_its_mean():
    seconds = {'physics': 0.2, 'driver': 0.25, 'gate': 0.05, 'rendering': 0.1, 'policy': 0.3}
    found = parts(seconds, [7.0] * 100, policy_cpu=1.0)
    assert found['physics'] == pytest.approx(2.0) and found['driver around physics'] == pytest.approx(0.5)
    assert found['pipe'] == pytest.approx(2.0) and sum(found.values()) == pytest.approx(7.0)


def test_a_watch_counts_only_while_it_runs_and_also_what_raises():
    watch = Watch()

    def fails():
        raise KeyError('no')
    timed = watch.time('call', fails)
    for running in (False, True):
        watch.running = running
        with pytest.raises(KeyError):
            timed()
        assert (watch.seconds['call'] > 0.0) is running


def one_round(graph, direct, **cpu):
    return {'graph': [graph] * 10, 'direct': [direct] * 10, 'bare': [0.5] * 10, 'parts': {'gate': 0.1}, 'cpu': cpu}


def test_rounds_become_their_middle_and_the_overhead_is_taken_within_a_round():
    rounds = [one_round(2.0, 1.0, a=1.0, b=1.0), one_round(9.0, 8.5, a=2.0), one_round(2.2, 1.0, a=3.0)]
    found = pace.figures(rounds, 10)
    assert found['graph']['mean'] == pytest.approx(2.2) and found['cpu'] == {'a': 2.0}
    assert found['graph']['real_time_factor'] == pytest.approx(1000 / 30 / 2.2)
    assert found['overhead']['mean'] == pytest.approx(1.0)


def test_processes_are_summed_by_kind_over_stations():
    found = memory.by_kind({'unit0.safety_gate': (40.0, 70.0), 'unit1.safety_gate': (42.0, 72.0),
                            'supervisor': (60.0, 90.0), 'unit0.trial_server.policy0': (50.0, 80.0)})
    assert found['safety_gate'] == {'count': 2, 'pss': 41.0, 'rss': 71.0}
    assert set(found) == {'safety_gate', 'supervisor', 'policy (waiting for the next rollout)'}


class Child:
    """A process in a test. ``gone``: it ends between being listed and being asked."""

    def __init__(self, pid, parent, gone=False, name='python3'):
        self.pid, self._parent, self._gone, self._name = pid, parent, gone, name

    def name(self):
        """Return the program's name, as psutil does."""
        return self._name

    def ppid(self):
        """Return the parent's id, as psutil does."""
        if self._gone:
            raise psutil.NoSuchProcess(self.pid)
        return self._parent


def test_a_process_that_ends_while_it_is_asked_is_left_out(monkeypatch):
    def process(pid):
        if pid == 12:
            raise psutil.NoSuchProcess(pid)
        return Child(pid, 1)
    monkeypatch.setattr(lab.psutil, 'Process', process)
    supervisor = Child(1, 0)
    supervisor.children = lambda recursive: [Child(20, 11), Child(21, 11, gone=True), Child(22, 11), Child(23, 1),
                                               Child(30, 20), Child(32, 22), Child(40, 11, name='bwrap'),
                                               Child(41, 40), Child(42, 41)]
    found = lab.processes_of(supervisor, {'unit0.trial_server': 11, 'unit1.trial_server': 12})
    assert {name: one.pid for name, one in found.items()} == {
        'supervisor': 1, 'unit0.trial_server': 11, 'unit0.trial_server.guard0': 20, 'unit0.trial_server.guard1': 22,
        'unit0.trial_server.policy0': 30, 'unit0.trial_server.policy1': 32, 'supervisor.policy0': 23,
        'unit0.trial_server.guard2': 40, 'unit0.trial_server.guard3': 41, 'unit0.trial_server.policy2': 42}


def test_the_command_keeps_figures_under_the_state_that_its_page_compares_with():
    assert run.current_state is page.current_state and run.page_beside is page.page_beside
