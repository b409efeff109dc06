"""Trials of a lab of two, again in a lab of one and by the direct runner, on a busy machine: the same bits."""

import contextlib
import json
import subprocess
import sys

import psutil
import pytest
from enpire_research.trials import report as reports
from system_lab import policy, running_lab, until

TRIALS = 3
# A shell that would have linear algebra round otherwise: other kernels, more threads.
ODD_SHELL = {'OPENBLAS_CORETYPE': 'Nehalem', 'OMP_NUM_THREADS': '2', 'OPENBLAS_NUM_THREADS': '2'}


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A lab of two stations that has done its trials with a policy that depends on every pixel."""
    with running_lab(tmp_path_factory.mktemp('replay'), '--units', '2', '--trials', str(TRIALS), '--seed', '3',
                     '--policy', policy('reacts')) as (process, _):
        code, text = process.wait(150.0)
        assert code == 0, text
        yield process


@contextlib.contextmanager
def busy(processes=2):
    """Load the machine with processes that only count."""
    running = [subprocess.Popen([sys.executable, '-c', 'while True:\n    pass']) for _ in range(processes)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


def outboxes(process):
    return [path for unit in ('unit0', 'unit1') for path in sorted((process.run_dir / unit / 'outbox').glob('*.json'))]


def rolled_out(report):
    return report.phase == reports.ROLLOUT and report.status != reports.VOID and report.error_code == 0


def test_every_trial_has_the_same_bits_in_a_lab_of_one_and_by_the_direct_runner_under_load(finished):
    # A busy machine may void a phase, which is repeated; it can't be replayed.
    found = [one for one in map(reports.read, outboxes(finished)) if one.status != reports.VOID]
    rollouts = [one for one in found if rolled_out(one)]
    assert len(rollouts) == TRIALS and all(one.ticks > 90 for one in rollouts)
    # No two phases are alike, so that "the same bits" says something.
    assert len({one.trajectory_digest for one in found}) == len(found)
    assert len({one.frames_digest for one in rollouts}) == TRIALS
    with busy():
        code, text = finished.command('replay', str(finished.run_dir), seconds=330.0, variables=ODD_SHELL)
    assert code == 0, text
    assert text.count(' direct  same bits') == text.count(' graph   same bits') == len(found), text
    for one in found:
        assert text.count(one.trajectory_digest[:12]) == 2, text


def test_a_replay_that_differs_is_told_with_what_differs(finished):
    # The first that was rolled out: its name ends in -r1 where a busy machine voided it once.
    path = next(path for path in outboxes(finished) if rolled_out(reports.read(path)))
    was = path.read_text()
    values = json.loads(was)
    values['trajectory_digest'], values['score'] = '0' * 64, 0.987654321
    path.write_text(json.dumps(values))
    try:
        code, text = finished.command('replay', str(finished.run_dir), '--no-graph', '--trials', '1', seconds=120.0)
    finally:
        path.write_text(was)
    assert code == 1, text
    assert text.count('DIFFERENT') == 1 and '1 of 2 phases with the same bits' in text, text
    line = next(line for line in text.splitlines() if 'DIFFERENT' in line)
    assert line.startswith(path.name.split('.')[0])
    assert 'trajectory_digest: was 0000' in line and 'score: was 0.987654321' in line


def test_a_replay_that_is_killed_leaves_nobody_behind(finished):
    process = psutil.Popen(['enpire', 'replay', str(finished.run_dir), '--no-direct'], env=finished.environment,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen = []  # looked at once: the next moment one of them may have ended by itself

    def is_complete():
        seen[:] = process.children(recursive=True)
        return len(seen) >= 4
    try:
        until(is_complete, 'station, gate, trial server and policy to run')
    finally:
        process.kill()
        process.wait()
    gone, alive = psutil.wait_procs(seen, timeout=20.0)
    assert len(gone) >= 4 and alive == []
