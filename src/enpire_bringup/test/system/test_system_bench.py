"""`enpire bench --quick` as people call it: every part is measured, the file is merged, the page written."""

import json
import subprocess

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from ament_index_python.packages import get_package_prefix


def bench(*words):
    program = f'{get_package_prefix("enpire_bringup")}/lib/enpire_bringup/enpire'
    return subprocess.run([program, 'bench', *words], capture_output=True, text=True, timeout=300)


def test_a_quick_bench_measures_every_part_and_writes_its_page(tmp_path):
    out = tmp_path / 'results' / 'bench.json'
    ended = bench('--quick', '--out', str(out))
    assert ended.returncode == 0, ended.stderr
    (entry,) = json.loads(out.read_text())['entries'].values()
    assert set(entry['parts']) == {'gate', 'graph', 'cameras', 'memory', 'pipe'}
    parts = entry['parts']
    assert all(part['quick'] for part in parts.values())
    # What must hold on any machine, however loaded: orders, not milliseconds.
    assert parts['gate']['gate']['count'] >= 200
    assert 0.0 < parts['graph']['bare']['median'] < parts['graph']['direct']['median']
    assert parts['graph']['parts']['physics'] > 0.0 and parts['cameras']['parts']['rendering'] > 0.0
    (lab,) = parts['memory']['labs']
    assert {'sim_station', 'safety_gate', 'trial_server'} <= set(lab['processes'])
    assert 50.0 < lab['total'] <= lab['largest_total_seen']
    page = (tmp_path / 'bench.md').read_text()
    assert 'quickly (too few for good figures)' in page and '### Memory' in page


def test_an_unknown_part_is_refused_with_the_nearest_one():
    ended = bench('--only', 'cammeras')
    assert ended.returncode == 2 and "'cameras'" in ended.stderr
