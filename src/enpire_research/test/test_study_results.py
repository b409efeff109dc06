"""What studies keep: rows that survive, are not measured twice, and what is told of them."""

import itertools
import multiprocessing
import pathlib

import numpy as np
import pytest
from enpire_research.bench.progress import Progress
from enpire_research.studies import push_t, push_t_measure, push_t_show
from enpire_research.studies.fill import fill
from enpire_research.studies.results import Results, newest, read, share, wilson

DOCS = pathlib.Path(__file__).resolve().parents[3] / 'docs'


def test_the_wilson_interval_agrees_with_known_values():
    # Newcombe 1998, table I: 81 of 263, and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    assert share(3, 10).startswith('3 of 10 = 30.0%') and share(0, 0) == '0 of 0'


def test_rows_are_kept_under_their_hash_and_found_again(tmp_path):
    path = str(tmp_path / 'docs' / 'results.json')
    Results(path, 'aaaa', 'trials').add('chain 0', {'n': 1})
    Results(path, 'bbbb', 'trials').add('chain 0', {'n': 2})
    Results(path, 'aaaa', 'vision').add('station 0', {'n': 3})
    assert Results(path, 'aaaa', 'trials').rows == {'chain 0': {'n': 1}}
    assert Results(path, 'cccc', 'trials').rows == {}
    assert list(read(path)) == ['aaaa', 'bbbb']


def test_states_of_the_code_keep_their_order_and_the_last_is_shown_where_this_one_was_not_measured(tmp_path):
    path = str(tmp_path / 'results.json')
    for key in ('bbbb', 'cccc', 'aaaa', 'bbbb'):
        Results(path, key, 'rim').add(f'chain {key}', {'n': 1})
    found = read(path)
    assert list(found) == ['bbbb', 'cccc', 'aaaa']
    assert newest(found, 'dddd')[0] == 'aaaa' and newest(found, 'cccc') == ('cccc', found['cccc'])
    assert newest({}, 'dddd') == ('dddd', {})


def add_rows(path, study):
    for number in range(20):
        Results(path, 'aaaa', study).add(f'row {number}', {'n': number})


def test_processes_that_fill_one_file_at_once_lose_no_row_of_each_other(tmp_path):
    path = str(tmp_path / 'results.json')
    context = multiprocessing.get_context('fork')
    both = [context.Process(target=add_rows, args=(path, study)) for study in ('rim', 'vision')]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    assert {study: len(rows) for study, rows in read(path)['aaaa'].items()} == {'rim': 20, 'vision': 20}
    assert [one.name for one in tmp_path.iterdir()] == ['results.json']


def test_random_poses_lie_in_the_tray_and_near_ones_within_twice_the_tolerance():
    random = np.random.default_rng(0)
    for _ in range(50):
        assert push_t_measure.g.inside_tray(push_t_measure.random_pose(random))
        distance, angle = push_t_measure.g.pose_error(push_t_measure.near_pose(random))
        assert distance <= 2 * push_t_measure.g.POSITION_TOLERANCE + 1e-12
        assert angle <= 2 * push_t_measure.g.ANGLE_TOLERANCE + 1e-12


# ---- filling a study -----------------------------------------------------------------------
def test_only_rows_that_are_missing_are_measured_two_at_once_and_each_is_kept(tmp_path):
    path, said = str(tmp_path / 'results.json'), []
    Results(path, 'aaaa', 'rim').add('chain 1', {'n': 'was there'})
    wanted = {f'chain {number}': (pow, number, 2) for number in range(4)}
    fill(Results(path, 'aaaa', 'rim'), wanted, 2, lambda *what: said.append(what))
    assert read(path)['aaaa']['rim'] == {'chain 0': 0, 'chain 1': {'n': 'was there'}, 'chain 2': 4, 'chain 3': 9}
    assert said == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_rows_before_an_exception_are_kept_and_the_next_call_goes_on_from_them(tmp_path):
    path = str(tmp_path / 'results.json')
    with pytest.raises(ZeroDivisionError):
        fill(Results(path, 'aaaa', 'rim'), {'good': (pow, 2, 2), 'bad': (divmod, 1, 0)}, 1, lambda *_: None)
    kept = read(path)['aaaa']['rim']
    assert kept == {'good': 4}
    fill(Results(path, 'aaaa', 'rim'), {'good': (divmod, 1, 0), 'bad': (pow, 3, 2)}, 1, lambda *_: None)
    assert read(path)['aaaa']['rim'] == {'good': 4, 'bad': 9}


def test_progress_says_what_is_done_and_about_how_long_the_rest_takes():
    said, clock = [], itertools.count(0.0, 120.0)
    progress = Progress('rim', said.append, lambda: next(clock))
    for done in (0, 1, 3):
        progress(done, 3)
    assert said == ['rim: 0 of 3 done\n', 'rim: 1 of 3 done in 2 min, about 4 min left\n',
                    'rim: 3 of 3 done in 4 min\n']


def test_a_measured_station_is_not_measured_again(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(push_t, 'current_state', lambda: 'a' * 64)
    path = tmp_path / 'results.json'
    push_t.main(['vision', '--n', '1', '--results', str(path)])
    first = path.read_text()
    push_t.main(['vision', '--n', '1', '--jobs', '2', '--results', str(path)])
    assert path.read_text() == first
    shown = capsys.readouterr()
    assert f'poses | {push_t_measure.STATION_FRAMES}' in shown.out and 'as it is now' in shown.out
    assert '1 of 1 done' in shown.err and '0 of 0 done' in shown.err


# ---- what is told --------------------------------------------------------------------------
def trial(**changes):
    return {'reset': 'succeeded', 'tries': 1, 'reset_s': 10.0, 'rollout': 'succeeded', 'answer': 'success', 'code': 0,
            'rollout_s': 20.0, 'truly_done': True, 'error_mm': 1.0, 'error_deg': 0.1, 'seen_mm_deg': [0.2, 0.1],
            **changes}


FAILED = {'rollout': 'failed', 'answer': 'failure', 'truly_done': False, 'error_mm': 50.0}
NO_ROLLOUT = {'reset': 'failed', 'tries': 3, 'reset_s': 30.0}


def cells(table):
    return {row[0]: row[1:] for row in table.rows}


def test_only_resets_that_began_in_the_end_state_of_a_trial_are_counted():
    first = trial(reset='failed', tries=3)
    chain = [trial(tries=3), trial(tries=2), NO_ROLLOUT, trial(tries=1), trial(reset='void')]
    found = cells(push_t_show.resets({'a': [chain, [trial(tries=1)]], 'b': [[first]]}))
    # Counted: the second and third of the chain. The fourth began where a reset failed; the fifth is void.
    assert found['a'][0] == '2' and found['a'][-1] == '1'
    assert [text[:6] for text in found['a'][1:4]] == ['0 of 2', '1 of 2', '1 of 2']
    assert found['b'][0] == '0' and found['all'][0] == '2'


def test_one_table_has_truth_and_verdict_over_the_trials_of_all_policies():
    chains = {'a': [[trial(), trial(**FAILED), NO_ROLLOUT]],
              'b': [[trial(), trial(**{**FAILED, 'truly_done': True, 'error_mm': 4.9}),
                     trial(**{**FAILED, 'answer': 'unknown', 'code': 213, 'seen_mm_deg': [None, None]}),
                     # The policy failed by itself, with the T on the goal: the verdict is right all the same.
                     trial(rollout='failed', answer='success', code=212),
                     trial(truly_done=False, error_mm=6.0), trial(rollout='void')]]}
    table = push_t_show.confusion(chains)
    assert cells(table) == {'done': ('3', '1', '0', '4'), 'not done': ('1', '1', '1', '3')}
    assert 'All 7 end states' in table.text
    found = cells(push_t_show.mistakes(chains))
    assert found['false accepts: not done, verdict success'][0] == share(1, 3)
    assert found['false rejects: done, verdict failure'][0] == share(1, 4)
    assert found["of these within twice the verifier's margin of the tolerance"] == ('1',)
    assert found['poses'] == ('7',) and found['not told'] == ('1',)
    assert found['pose error, mm'][0].startswith('median 0.20')


def test_the_trials_of_a_policy_are_summed_up():
    found = cells(push_t_show.trials('a', [[trial(), trial(**FAILED), trial(**{**FAILED, 'code': 212}), NO_ROLLOUT,
                                            trial(rollout='void'), {'reset': 'void', 'tries': 1, 'reset_s': 1.0}]]))
    assert found['rollouts succeeded'] == (share(1, 3),) and found['mean seconds of a rollout'] == ('20.0',)
    assert (found['void'], found['resets that failed'], found['refused by the gate']) == (('2',), ('1',), ('1',))


@pytest.mark.parametrize('name', ('n', 'jobs'))
def test_a_number_below_one_is_refused(capsys, name):
    with pytest.raises(SystemExit):
        push_t.main(['trials', f'--{name}', '0'])
    assert f'--{name}: expected 1 or more' in capsys.readouterr().err


def test_show_says_first_whether_the_code_is_still_as_it_was_measured(tmp_path):
    path = str(tmp_path / 'results.json')
    Results(path, 'a' * 64, 'vision').add('station 0', {'errors_mm_deg': [[0.1, 0.01]]})
    assert push_t.show(path, 'a' * 64)[0] == f'Measured on the code as it is now: {"a" * 64}'
    older = push_t.show(path, 'b' * 64)[0]
    assert 'OLDER STATE' in older and 'a' * 64 in older and 'b' * 64 in older
    assert 'a' * 64 in push_t.current_page(path, 'b' * 64).split('\n')[2]


def test_the_committed_page_is_what_is_made_of_the_committed_figures():
    made = push_t.current_page(str(DOCS / 'results' / 'push_t.json'), push_t.current_state())
    assert (DOCS / 'push_t.md').read_text(encoding='utf-8') == made, (
        'run python -m enpire_research.studies.push_t page')
    for title in ('Resets from end states of real trials', 'Verdict against truth', 'Pose error of the verifier'):
        assert f'## {title}' in made
