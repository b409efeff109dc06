"""The research node among fake stations that judge at once: a campaign, restarts, others on the same ledger."""

import dataclasses
import hashlib
import os

import pytest

pytest.importorskip('rclpy')

import trial_helpers  # noqa: E402
from enpire_core import room  # noqa: E402
from enpire_core.goals import ABORTED, SUCCEEDED, GoalServer, GoalSlot  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_drivers.sim.scene import write_scene  # noqa: E402
from enpire_interfaces.action import Reset, Rollout  # noqa: E402
from enpire_research import conversions, crew  # noqa: E402
from enpire_research.campaign.chain import digest  # noqa: E402
from enpire_research.campaign.ledger import read  # noqa: E402
from enpire_research.campaign.researcher import Idea  # noqa: E402
from enpire_research.research_node import Research  # noqa: E402
from enpire_research.trials.outbox import Outbox  # noqa: E402
from enpire_research.trials.report import FAILED, VOID, Report  # noqa: E402
from enpire_research.trials.report import SUCCEEDED as DONE  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

pytestmark = pytest.mark.node
UNITS = ('unit0', 'unit1')
SECRET = 'ab' * 32
# A policy of these tests is a number: the share of resets on which it succeeds.
START = 'RATE = 0.2\n\n\ndef act(observation):\n    return observation\n'


class Station:
    """Serves reset and rollout of one unit; the verdict is a function of seed and policy."""

    def __init__(self, graph, run_dir, unit):
        self.unit, self.goals, self.held, self.silent = unit, [], set(), set()
        self.busy, self.full, self.broken = set(), set(), set()
        self._box, self._slot = Outbox(os.path.join(run_dir, unit, 'outbox')), GoalSlot()
        self._clock = self.voids = self.refused = 0  # how many rollouts are void, how many goals are refused
        self.frozen = ''  # the kind of goals that are refused because what is frozen differs
        node = graph.add(Node('fake', namespace=f'/{unit}', context=graph.context))
        self._servers = [
            GoalServer(node, action, kind, lambda goal, context, kind=kind, result=action.Result: self._serve(
                kind, goal, context, result()), self._slot, busy=busy, internal=busy + 8)
            for kind, action, busy in (('reset', Reset, 102), ('rollout', Rollout, 202))]

    def _serve(self, kind, goal, context, result):
        self.goals.append((kind, goal.trial_id))
        if self._box.holds(goal.trial_id, kind):
            result.error_code, result.error_msg = 100 if kind == 'reset' else 200, 'it has a result already'
            return ABORTED, result
        if self.refused:
            self.refused -= 1
            result.error_code, result.error_msg = 110 if kind == 'reset' else 218, 'something broke'
            return ABORTED, result
        if (kind, goal.trial_id) in self.full:
            result.error_code, result.error_msg = 111 if kind == 'reset' else 220, 'the disk is full'
            return ABORTED, result
        if self.frozen == kind:
            result.error_code, result.error_msg = 107 if kind == 'reset' else 215, 'got another task/verifier.py'
            return ABORTED, result
        if (kind, goal.trial_id) in self.busy:
            result.error_code, result.error_msg = 102 if kind == 'reset' else 202, 'somebody else has it'
            return ABORTED, result
        while (kind, goal.trial_id) in self.held and not context.wait_cancelled(0.01):
            continue
        report = self._report(kind, goal)
        self._box.put(report)
        while (kind, goal.trial_id) in self.silent and not context.wait_cancelled(0.01):
            continue
        if (kind, goal.trial_id) in self.broken:
            raise MemoryError
        result.report = conversions.report_to_message(report)
        result.error_msg = report.error_msg
        return SUCCEEDED, result

    def leave(self):
        """Take the servers off the graph."""
        for server in self._servers:
            server.close(1.0)

    def _report(self, kind, goal):
        self._clock += 1
        report = Report(self.unit, 'block', goal.trial_id, kind, goal.seed, True, status=DONE, score=1.0,
                        manifest_hash=goal.manifest_hash, start_ns=0, end_ns=10**9, started_at_ns=self._clock,
                        wall_duration_s=0.1)
        if kind == 'rollout':
            with open(goal.policy_file, encoding='utf-8') as handle:
                source = handle.read()
            rate = float(source.split()[2])
            draw = int(hashlib.sha256(f'{goal.seed}'.encode()).hexdigest()[:8], 16) / 2**32
            report.status = DONE if draw < rate else FAILED
            report.score = rate
            report.policy_hash = hashlib.sha256(source.encode()).hexdigest()
            if self.voids:
                self.voids -= 1
                report.status, report.error_msg = VOID, 'the camera is silent'
        return report


class Climber:
    """Proposes the same few rates, whatever it hears."""

    name = 'climber'

    def propose(self, champion, tried, count, round):
        return [Idea(f'rate {rate}', champion.source.replace(champion.source.split()[2], str(rate), 1), {'RATE': rate})
                for rate in (0.1, 0.95, 0.5)[:count] if round == 1]


class Lab:
    def __init__(self, graph, folder):
        self.graph, self.folder = graph, str(folder)
        os.mkdir(os.path.join(self.folder, 'task'))
        task = trial_helpers.BlockTask(os.path.join(self.folder, 'task'))
        write_scene(os.path.join(self.folder, 'scene'), task.scene())
        self.task = task
        with open(os.path.join(self.folder, 'start.py'), 'w', encoding='utf-8') as handle:
            handle.write(START)
        with open(os.path.join(self.folder, 'secret'), 'w', encoding='utf-8') as handle:
            handle.write(SECRET)
        os.chmod(os.path.join(self.folder, 'secret'), 0o600)
        self.stations = [Station(graph, self.folder, unit) for unit in UNITS]

    def research(self, up=True, **values):
        values = {'policy': os.path.join(self.folder, 'start.py'), 'run_dir': self.folder, 'units': list(UNITS),
                  'task': 'block', 'task_limits': self.task.limits_file, 'trials': 56, 'screen_first': 3,
                  'screen_resets': 4, 'confirm_margin': 3, 'ideas_a_round': 3, 'confirm_resets': 12, 'exam_resets': 4,
                  'lab_seed': 4,
                  'secret_file': os.path.join(self.folder, 'secret'), **values}
        node = self.graph.add(Research(
            task=self.task, researcher=Climber(), context=self.graph.context, namespace='/lab',
            parameter_overrides=[Parameter(name, value=value) for name, value in values.items()]))
        assert node.bring_up() == up, node.fault
        return node

    def records(self):
        return read(os.path.join(self.folder, 'campaign'))

    def kill(self, node):
        """End ``node`` as a SIGKILL would: nothing is cancelled, only its lock is gone."""
        node._crew._active = False
        node._active = False
        for unit in node._crew.units.values():
            unit.goal += 1
        node._ledger.close()
        for timer in list(node.timers):
            timer.cancel()


@pytest.fixture
def graph():
    with Graph() as made:
        yield made


def finish(lab, node):
    assert lab.graph.until(lambda: node.exit_code is not None, 60.0), node._course.stage
    assert node.exit_code == 0
    node.release()
    return lab.records()


def test_a_campaign_keeps_what_is_better_and_ends_with_the_exam(graph, tmp_path):
    lab = Lab(graph, tmp_path)
    records = finish(lab, lab.research())
    kinds = [record.kind for record in records]
    assert kinds[0] == 'campaign' and kinds[-3:] == ['secret', 'exam', 'end']
    exam = records[-2].body
    assert exam['champion']['candidate'] == 2 and exam['champion']['successes'] > exam['start']['successes']
    trials = [record.body['trial_id'] for record in records if record.kind == 'trial']
    assert len(trials) == len(set(trials)) > 30
    # Each reset on the station that it belongs to, whichever candidate meets it.
    assert all(record.body['unit'] == UNITS[record.body['reset'] % 2] for record in records if record.kind == 'trial')
    assert {goal[0] for station in lab.stations for goal in station.goals} == {'reset', 'rollout'}


@pytest.mark.parametrize('phase', ['reset', 'rollout'])
def test_a_node_that_is_killed_in_a_phase_goes_on_and_nothing_is_run_twice(graph, tmp_path, phase):
    (tmp_path / 'calm').mkdir()
    calm = Lab(graph, tmp_path / 'calm')
    undisturbed = finish(calm, calm.research())
    for station in calm.stations:
        station.leave()
    (tmp_path / 'killed').mkdir()
    lab = Lab(graph, tmp_path / 'killed')
    held = (phase, 'i0002-screen-003')
    lab.stations[1].held.add(held)
    node = lab.research()
    # Accepted, too: before that, who drops a goal has it cancelled, and a dead node can't.
    assert lab.graph.until(lambda: held in lab.stations[1].goals and node._crew.units['unit1'].handle, 60.0)
    lab.kill(node)
    successor = lab.research()
    # The station still runs what the dead one sent: it is waited for, not run again.
    assert lab.graph.until(lambda: successor._crew.units['unit1'].not_before_s > 0, 60.0)
    lab.stations[1].held.clear()
    records = finish(lab, successor)
    assert digest(records) == digest(undisturbed)
    assert lab.stations[1].goals.count(held) == 1


def test_a_result_that_a_station_has_kept_is_taken_though_it_never_answers(graph, tmp_path):
    lab = Lab(graph, tmp_path)
    lab.stations[1].silent.update({('rollout', 'i0000-screen-001'), ('reset', 'i0000-screen-003')})
    records = finish(lab, lab.research(feedback_silence_s=2.0))
    bodies = [record.body for record in records if record.kind == 'trial']
    assert [body['trial_id'] for body in bodies if body['status'] not in (DONE, FAILED)] == []
    assert 'i0000-screen-001' in {body['trial_id'] for body in bodies}
    assert [goal for goal in lab.stations[1].goals if goal[1].startswith('i0000-screen-001')] == [
        ('reset', 'i0000-screen-001'), ('rollout', 'i0000-screen-001')]


def test_a_result_that_is_kept_counts_though_its_server_broke_before_it_could_answer(graph, tmp_path):
    lab = Lab(graph, tmp_path)
    lab.stations[1].broken.add(('rollout', 'i0000-screen-001'))
    bodies = [record.body for record in finish(lab, lab.research()) if record.kind == 'trial']
    assert {body['status'] for body in bodies} == {DONE, FAILED} and 'i0000-screen-001' in {
        body['trial_id'] for body in bodies}


@pytest.mark.parametrize('kind', ['reset', 'rollout'])
def test_a_station_whose_disk_is_full_waits_for_room_and_nothing_is_void_or_run_twice(graph, tmp_path, kind):
    lab, goal = Lab(graph, tmp_path), (kind, 'i0000-screen-001')
    lab.stations[1].full.add(goal)
    node = lab.research()
    row = node._jobs.rows['unit1']
    assert lab.graph.until(lambda: row.reason, 60.0) and (row.reason, row.out) == ('the disk is full', '')
    lab.stations[1].full.clear()
    bodies = [record.body for record in finish(lab, node) if record.kind == 'trial']
    assert {body['status'] for body in bodies} == {DONE, FAILED}
    ran = [name for ran, name in lab.stations[1].goals if ran == 'reset' and name.startswith('i0000-screen-001')]
    assert set(ran) == {'i0000-screen-001'} and (kind == 'reset' or len(ran) == 1)


def test_a_node_whose_disk_is_full_writes_what_is_under_way_begins_nothing_and_goes_on(graph, tmp_path, monkeypatch):
    lab, held = Lab(graph, tmp_path), ('rollout', 'i0000-screen-001')
    lab.stations[1].held.add(held)
    node = lab.research()
    assert lab.graph.until(lambda: held in lab.stations[1].goals, 60.0)
    monkeypatch.setattr(room, 'SPARE_BYTES', 1 << 60)
    assert lab.graph.until(lambda: node._jobs.rows['unit0'].job is None and node._waits, 60.0)
    lab.stations[1].held.clear()
    assert lab.graph.until(lambda: node._jobs.rows['unit1'].job is None, 60.0)
    ended = [record.body['trial_id'] for record in lab.records() if record.kind == 'trial']
    assert held[1] in ended and 'the disk is full' in node._waits and node.exit_code is None
    assert lab.stations[1].goals[-1] == held
    monkeypatch.undo()
    bodies = [record.body for record in finish(lab, node) if record.kind == 'trial']
    assert {body['status'] for body in bodies} == {DONE, FAILED}


def test_a_station_that_leaves_while_its_rollout_waits_leaves_the_trial_to_the_others(graph, tmp_path):
    lab = Lab(graph, tmp_path)
    lab.stations[1].busy.add(('rollout', 'i0000-screen-001'))
    node = lab.research(server_missing_s=1.0)
    assert lab.graph.until(lambda: node._crew.units['unit1'].not_before_s > 0, 60.0)
    lab.stations[1].leave()
    bodies = [record.body for record in finish(lab, node) if record.kind == 'trial']
    again = next(body for body in bodies if body['trial_id'].startswith('i0000-screen-001'))
    assert (again['trial_id'], again['unit']) == ('i0000-screen-001-r1', 'unit0')
    assert all(body['status'] in (DONE, FAILED) for body in bodies)


def test_a_station_with_three_voids_in_a_row_rests_and_comes_back(graph, tmp_path, monkeypatch):
    monkeypatch.setattr(crew, 'REST_S', 0.5)
    lab = Lab(graph, tmp_path)
    lab.stations[1].voids = 3
    node = lab.research(exam_resets=100, trials=248)
    records = finish(lab, node)
    station = [record.body for record in records if record.kind == 'station']
    assert [(body['unit'], body['state']) for body in station] == [('unit1', 'out'), ('unit1', 'back')]
    assert '3 void trials in a row, the last: the camera is silent' in station[0]['reason']
    bodies = [record.body for record in records if record.kind == 'trial']
    results = [body['unit'] for body in bodies if body['status'] in (DONE, FAILED)]
    assert sum(body['status'] == VOID for body in bodies) == 3 and results.count('unit1') > 20


def test_hundreds_of_kept_results_are_taken_also_those_that_another_station_has(graph, tmp_path):
    lab = Lab(graph, tmp_path)
    lab.stations[1].leave()
    many = {'exam_resets': 150, 'trials': 348, 'server_missing_s': 1.0}
    before = [record.body for record in finish(lab, lab.research(**many)) if record.kind == 'trial']
    assert len(before) > 320 and {body['unit'] for body in before} == {'unit0'}
    # The ledger is lost; what the only station did is in its outbox.
    (tmp_path / 'campaign' / 'ledger.jsonl').unlink()
    for station in lab.stations:
        station.goals.clear()
    second = Station(graph, lab.folder, 'unit1')
    after = [record.body for record in finish(lab, lab.research(**many)) if record.kind == 'trial']
    assert [lab.stations[0].goals, second.goals] == [[], []]
    assert sorted(before, key=lambda body: body['trial_id']) == sorted(after, key=lambda body: body['trial_id'])


def test_a_trial_that_another_station_did_is_not_mixed_with_a_reset_of_its_own_station(graph, tmp_path):
    lab = Lab(graph, tmp_path)
    lab.stations[0].held.add(('reset', 'i0000-screen-000'))
    node = lab.research()
    assert lab.graph.until(lambda: len([r for r in lab.records() if r.kind == 'trial']) >= 2, 60.0)
    lab.kill(node)
    # The reset of 000 ends on unit0; unit1 did all of it meanwhile.
    job = node._jobs.rows['unit0'].job
    done = [Report('unit1', 'block', job.trial_id, kind, node._course.seed(job), True, status=DONE, score=1.0,
                   start_ns=0, end_ns=10**9) for kind in ('reset', 'rollout')]
    for report in done:
        lab.stations[1]._box.put(report)
    lab.stations[0].held.clear()
    assert lab.graph.until(lambda: lab.stations[0]._box.holds(job.trial_id, 'reset'), 20.0)
    records = finish(lab, lab.research())
    body = next(record.body for record in records if record.kind == 'trial' and record.body['trial_id'] == job.trial_id)
    assert {body['unit'], body['reset_report']['unit'], body['rollout_report']['unit']} == {'unit1'}


def test_a_goal_that_is_refused_is_on_record_with_its_station(graph, tmp_path):
    lab = Lab(graph, tmp_path)
    lab.stations[1].refused = 1
    records = finish(lab, lab.research())
    void = [record.body for record in records if record.kind == 'trial' and record.body['status'] == VOID]
    assert [(body['unit'], body['reason']) for body in void] == [('unit1', 'something broke')]


@pytest.mark.parametrize('kind', ['reset', 'rollout'])
def test_a_station_on_which_what_is_frozen_differs_ends_the_campaign_and_a_restart_goes_on(graph, tmp_path, kind):
    lab = Lab(graph, tmp_path)
    lab.stations[1].frozen = kind
    node = lab.research()
    assert lab.graph.until(lambda: node.exit_code is not None, 60.0) and node.exit_code == 1
    assert 'refused i0000-screen-001: got another task/verifier.py' in node._why_broken()
    node.release()
    count = len(lab.stations[1].goals)
    void = [record.body for record in lab.records() if record.kind == 'trial' and record.body['status'] == VOID]
    # No repeat elsewhere, and the station is blamed for nothing.
    assert [(body['trial_id'], body['unit']) for body in void] == [('i0000-screen-001', 'unit1')]
    assert not [record for record in lab.records() if record.kind == 'station']
    lab.stations[1].frozen = ''
    bodies = [record.body for record in finish(lab, lab.research()) if record.kind == 'trial']
    again = next(body for body in bodies if body['trial_id'].startswith('i0000-screen-001-'))
    assert (again['trial_id'], again['unit']) == ('i0000-screen-001-r1', 'unit1')
    assert sum(body['status'] == VOID for body in bodies) == 1 and len(lab.stations[1].goals) > count


def test_what_changed_since_the_campaign_began_is_named_by_the_node_where_a_station_cannot(graph, tmp_path):
    lab = Lab(graph, tmp_path)
    node = lab.research()
    (tmp_path / 'task' / 'verifier.py').write_text('new')
    lab.stations[0].frozen = 'reset'
    assert lab.graph.until(lambda: node.exit_code is not None, 60.0) and node.exit_code == 1
    assert 'what is frozen has changed since the campaign began: task/verifier.py. Put it back' in node._why_broken()
    node.release()
    again = lab.research(up=False)
    assert 'got another task/verifier.py: put it back' in again.fault
    again.release()
    (tmp_path / 'task' / 'verifier.py').unlink()
    lab.stations[0].frozen = ''
    finish(lab, lab.research())


def test_results_of_another_campaign_in_an_outbox_are_not_taken(graph, tmp_path):
    lab = Lab(graph, tmp_path)
    old = Report('unit0', 'block', 'i0000-screen-000', 'rollout', 999, True, status=DONE, score=1.0)
    lab.stations[0]._box.put(old)
    lab.stations[0]._box.put(dataclasses.replace(old, phase='reset'))
    node = lab.research()
    assert lab.graph.until(lambda: node.exit_code is not None, 60.0)
    assert node.exit_code == 1 and 'it is of seed 999' in node.fault
    assert not [record for record in lab.records() if record.kind == 'trial' and record.body['seed'] == 999]


def test_a_ledger_that_cannot_be_written_ends_the_node(graph, tmp_path, monkeypatch):
    lab = Lab(graph, tmp_path)
    node = lab.research()

    def full(*args):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(node._ledger, 'append', full)
    assert lab.graph.until(lambda: node.exit_code is not None, 60.0)
    assert node.exit_code == 1 and 'No space left' in node.fault


def test_an_unknown_researcher_is_refused(graph, tmp_path):
    with pytest.raises(ValueError, match="researcher: expected one of 'builtin', got 'codex'"):
        Lab(graph, tmp_path).research(researcher='codex')


def test_a_second_research_node_on_one_ledger_is_refused_and_the_first_goes_on(graph, tmp_path):
    lab = Lab(graph, tmp_path)
    first = lab.research()
    second = lab.research(up=False)
    assert 'another process does' in second.fault
    finish(lab, first)


def test_a_campaign_of_another_seed_in_the_same_folder_is_refused(graph, tmp_path):
    lab = Lab(graph, tmp_path)
    finish(lab, lab.research())
    other = lab.research(up=False, lab_seed=5)
    assert 'another campaign' in other.fault and 'seed' in other.fault
