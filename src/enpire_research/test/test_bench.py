"""The figures of `enpire bench` and the page made of them: everything but the measuring itself."""

import json
import math
import pathlib

import pytest

from enpire_research.bench import page, policy, results, table
from enpire_research.bench.statistics import matched, middle, summarise

MACHINE = {'cpu': 'A CPU', 'cores': '2', 'memory': '8 GiB', 'python': '3.11', 'mujoco': '4.0', 'rendering': 'egl'}
STATE = 64 * 'a'
DOCS = pathlib.Path(__file__).resolve().parents[3] / 'docs'


def noted(figures, measured_at='2026-01-01T00:00:00Z'):
    return {**figures, 'measured_at': measured_at, 'load': 0.5, 'quick': False, 'priority': ''}


def gate_figures(ratio, at_p99=1.5):
    relay = summarise([100.0]).to_dict()
    through = {**relay, 'median': 100.0 * ratio}
    return noted({'relay': relay, 'gate': through, 'decided': through, 'ratio_median': ratio, 'ratio_p99': at_p99,
                  'ratios': [ratio, ratio + 0.125], 'thinks_us': 300.0, 'resent_states': 0})


def pace_figures(factor=20.0, overhead=0.5, over_direct=0.25):
    way = {'mean': 1000 / 30 / factor, 'median': 1.0, 'p99': 2.0, 'real_time_factor': factor}
    bare = {**way, 'mean': way['mean'] - overhead}
    return noted({'ticks': 10, 'rounds': 3, 'graph': way, 'direct': way, 'bare': bare,
                  'overhead': {'mean': over_direct, 'median': over_direct}, 'parts': {'physics': 0.25, 'gate': 0.5},
                  'cpu': {'safety_gate': 0.125}})


def pipe_figures(step, picture):
    one = summarise([100.0]).to_dict()
    return noted({'unconfined': one, 'unconfined_picture': one, 'sandbox': {**one, 'median': step},
                  'sandbox_picture': {**one, 'median': picture}, 'starts': {'unconfined': one, 'sandbox': one},
                  'sandbox_name': 'bubblewrap', 'picture': '320x240'})


def memory_figures(most):
    def lab(units):
        return {'units': units, 'total': 100.0 * units, 'largest_total_seen': most * units / 8, 'faults': 0,
                'processes': {'safety_gate': {'count': units, 'pss': 40.0, 'rss': 70.0}}}
    return noted({'labs': [lab(1), lab(8)]})


def all_parts():
    return {'gate': gate_figures(1.25), 'pipe': pipe_figures(90.0, 250.0), 'graph': pace_figures(),
            'cameras': pace_figures(7.0), 'memory': memory_figures(4000.0)}


def test_a_summary_has_the_mean_and_the_percentiles():
    found = summarise(range(1, 102))
    assert (found.count, found.mean, found.median, found.p90, found.p99) == (101, 51.0, 51.0, 91.0, 100.0)


@pytest.mark.parametrize('values', ([], [1.0, math.nan], [math.inf], [-1.0]))
def test_durations_that_are_none_are_refused(values):
    with pytest.raises(ValueError, match='expected'):
        summarise(values)


def test_only_what_was_sent_and_received_is_matched_by_stamp_and_the_warm_up_left_out():
    sent = {10: 100, 9: 50, 11: 200, 12: 300}
    received = {12: 330, 9: 59, 10: 110}
    assert matched(sent, received, 0) == [9, 10, 30]
    assert matched(sent, received, 1) == [10, 30]


def test_the_middle_round_is_not_moved_by_one_that_was_disturbed():
    assert middle([1.0, 1.1, 50.0]) == 1.1


def test_measuring_a_part_again_keeps_the_others_of_the_entry():
    first = results.merge(results.empty(), STATE, MACHINE, {'gate': gate_figures(1.2), 'graph': pace_figures()})
    second = results.merge(first, STATE, MACHINE, {'gate': gate_figures(1.4)})
    (entry,) = second['entries'].values()
    assert entry['parts']['gate']['ratio_median'] == 1.4 and 'graph' in entry['parts']
    assert first['entries'] != second['entries']


@pytest.mark.parametrize('state, machine', (('b' * 64, MACHINE), (STATE, {**MACHINE, 'cores': '4'})))
def test_another_state_or_machine_has_an_entry_of_its_own(state, machine):
    first = results.merge(results.empty(), STATE, MACHINE, {'gate': gate_figures(1.2)})
    assert len(results.merge(first, state, machine, {'gate': gate_figures(1.4)})['entries']) == 2


def test_results_survive_the_file_and_another_content_is_refused(tmp_path):
    path = tmp_path / 'bench.json'
    assert results.read(path) == results.empty()
    merged = results.merge(results.empty(), STATE, MACHINE, all_parts())
    results.write(path, merged)
    assert results.read(path) == merged
    for text in ('{', '[]', json.dumps({'format': 99, 'entries': {}})):
        path.write_text(text)
        with pytest.raises(results.ResultsError, match='expected'):
            results.read(path)


def test_an_unknown_part_is_refused():
    with pytest.raises(results.ResultsError, match="'gates'"):
        results.merge(results.empty(), STATE, MACHINE, {'gates': {}})


@pytest.mark.parametrize('parts, missed', (
    ({'gate': gate_figures(1.5, 2.0)}, 0), ({'gate': gate_figures(1.51)}, 1), ({'gate': gate_figures(1.2, 2.01)}, 1),
    ({'gate': gate_figures(math.nan, math.nan)}, 2),
    ({'pipe': pipe_figures(200.0, 500.0)}, 0),
    ({'pipe': pipe_figures(201.0, math.nan)}, 2),
    ({'graph': pace_figures(12.0, 1.5)}, 0), ({'graph': pace_figures(11.9, 1.6)}, 2),
    ({'graph': pace_figures(math.nan, math.nan)}, 2),
    ({'cameras': pace_figures(6.0, 99.0)}, 0), ({'cameras': pace_figures(5.9)}, 1),
    ({'memory': memory_figures(8191.0)}, 0), ({'memory': memory_figures(8192.0)}, 1)))
def test_a_goal_is_missed_just_beyond_its_limit_and_by_what_is_no_number(parts, missed):
    assert len(table.missed(parts)) == missed


def test_the_page_shows_of_each_part_what_was_measured_last_on_a_machine():
    parts = all_parts()
    memory = parts.pop('memory')
    older = results.merge(results.empty(), 'b' * 64, MACHINE, {
        'gate': noted(gate_figures(9.99), '2025-01-01T00:00:00Z'), 'memory': noted(memory, '2025-01-01T00:00:00Z')})
    text = table.markdown(results.merge(older, STATE, MACHINE, parts))
    assert text.count('## A CPU') == 1 and '9.99' not in text
    assert text.count('code `aaaaaaaaaaaa`') == 4
    assert text.count('code `bbbbbbbbbbbb`, **older than the newest figures here** (`aaaaaaaaaaaa`)') == 1
    for cell in ('| 1.25 |', 'a request 300 µs after each state; started 2 times, ratio of the medians of each start: '
                 '1.25, 1.38', '| 20.0 |', '| 7.0 |', '4000 MiB', '| physics | 0.250 |'):
        assert cell in text, cell
    assert text.index('| gate | 0.500 |') < text.index('| physics | 0.250 |')


def test_the_overhead_goal_is_held_against_physics_alone_not_against_the_direct_runner():
    (_, (what, value, _, met)) = table.goals('graph', pace_figures(overhead=1.6, over_direct=0.1))
    assert value == '1.60 ms' and not met and 'physics' in what
    assert table.goals('graph', pace_figures(overhead=1.4, over_direct=9.0))[1][-1]


def test_the_committed_page_is_what_is_made_of_the_committed_results():
    found = results.read(DOCS / 'results' / 'bench.json')
    assert (DOCS / 'bench.md').read_text(encoding='utf-8') == table.markdown(found), (
        'run python -m enpire_research.bench.page')


def test_every_goal_was_reached_in_the_committed_results():
    for entry in results.newest(results.read(DOCS / 'results' / 'bench.json')):
        assert set(entry['parts']) == set(results.PARTS) and table.missed(entry['parts']) == []
        assert not any(part['quick'] for part in entry['parts'].values())


@pytest.mark.parametrize('out, beside', (
    ('/r/docs/results/bench.json', '/r/docs/bench.md'), ('/r/x.json', '/r/x.md')))
def test_the_page_lies_beside_the_results_or_above_a_results_folder(out, beside):
    assert page.page_beside(out) == beside


@pytest.mark.parametrize('state, said', (
    (STATE, 'MEASURED ON AN OLDER STATE OF THE CODE: aaaa'), (None, 'as it is now')))
def test_the_page_is_written_anew_and_it_is_said_how_old_the_figures_are(tmp_path, capsys, state, said):
    path = tmp_path / 'bench.json'
    found = results.merge(results.empty(), state or page.current_state(), MACHINE, all_parts())
    results.write(path, found)
    page.main([str(path)])
    assert (tmp_path / 'bench.md').read_text() == table.markdown(found) and said in capsys.readouterr().out


def test_the_page_says_where_a_goal_was_missed():
    text = table.markdown(results.merge(results.empty(), STATE, MACHINE, {'gate': gate_figures(1.9)}))
    assert '**no**' in text


def test_the_bench_policy_compiles_and_says_which_cameras_it_asks_for():
    text = policy.source(10, ('top_camera',))
    compile(text, 'policy.py', 'exec')
    assert "CAMERAS = ('top_camera',)" in text and 'TICKS = 10' in text


def test_ticks_are_read_from_the_log_of_the_bench_policy_and_nothing_else_is_taken_for_them():
    line = policy.MARK + json.dumps({'asked': [0, 2_000_000, 3_000_000], 'cpu': 500_000})
    assert policy.figures(f'a warning\n{line}\n') == ([2.0, 1.0], 0.25)
    with pytest.raises(policy.NoFigures, match='Traceback'):
        policy.figures('Traceback')
