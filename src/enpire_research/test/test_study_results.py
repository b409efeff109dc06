"""What studies keep: rows that survive, are not measured twice, and intervals that are right."""

import json
import pathlib
import re

import numpy as np
import pytest
from enpire_research.studies import push_t
from enpire_research.studies.push_t_page import page
from enpire_research.studies.results import Results, share, wilson


def test_the_wilson_interval_agrees_with_known_values():
    # Newcombe 1998, table I: 81 of 263, and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    assert share(3, 10).startswith('3 of 10 = 30.0%')


def test_rows_are_kept_under_their_hash_and_found_again(tmp_path):
    path = str(tmp_path / 'docs' / 'results.json')
    Results(path, 'aaaa', 'trials').add('chain 0', {'n': 1})
    Results(path, 'bbbb', 'trials').add('chain 0', {'n': 2})
    Results(path, 'aaaa', 'vision').add('station 0', {'n': 3})
    assert Results(path, 'aaaa', 'trials').rows == {'chain 0': {'n': 1}}
    assert Results(path, 'cccc', 'trials').rows == {}
    with open(path, encoding='utf-8') as handle:
        assert set(json.load(handle)) == {'aaaa', 'bbbb'}


def test_random_poses_lie_in_the_tray_and_near_ones_within_twice_the_tolerance():
    random = np.random.default_rng(0)
    for _ in range(50):
        assert push_t.g.inside_tray(push_t.random_pose(random))
        distance, angle = push_t.g.pose_error(push_t.near_pose(random))
        assert distance <= 2 * push_t.g.POSITION_TOLERANCE + 1e-12
        assert angle <= 2 * push_t.g.ANGLE_TOLERANCE + 1e-12


def test_a_measured_station_is_not_measured_again(tmp_path, capsys):
    path = str(tmp_path / 'results.json')
    push_t.main(['vision', '--n', '1', '--results', path])
    with open(path, encoding='utf-8') as handle:
        first = handle.read()
    push_t.main(['vision', '--n', '1', '--results', path])
    with open(path, encoding='utf-8') as handle:
        assert handle.read() == first
    assert f'poses {push_t.STATION_FRAMES}, not told 0' in capsys.readouterr().out


def test_a_summary_of_trials_counts_what_is_there():
    trial = {'reset': 'succeeded', 'tries': 1, 'reset_s': 10.0, 'rollout': 'succeeded', 'code': 0,
             'rollout_s': 20.0, 'truly_done': True}
    rows = {'chain 0': {'trials': [trial, {**trial, 'rollout': 'failed', 'code': 212, 'truly_done': False},
                                   {'reset': 'failed', 'tries': 3, 'reset_s': 30.0}]}}
    lines = push_t.show_trials(rows)
    assert any(line.startswith('resets done by try 3: 2 of 3') for line in lines)
    assert any(line.startswith('rollouts succeeded: 1 of 2') for line in lines)
    assert 'void: 0, refused by the gate: 1' in lines
    assert 'truly not done, verdict succeeded: 0' in lines


def test_a_number_of_trials_below_one_is_refused(capsys):
    with pytest.raises(SystemExit):
        push_t.main(['trials', '--n', '0'])
    assert 'expected 1 or more' in capsys.readouterr().err


def test_the_committed_page_says_what_the_committed_figures_say():
    docs = pathlib.Path(__file__).resolve().parents[3] / 'docs'
    text = (docs / 'push_t.md').read_text(encoding='utf-8')
    key = re.search('`([0-9a-f]{64})`', text).group(1)
    assert text == page(key, push_t.summaries(docs / 'results' / 'push_t.json', key))
    assert '## Trials of start_policy' in text and '## Pose error of the verifier' in text
