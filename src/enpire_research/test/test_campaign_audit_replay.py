"""Trials of a campaign that `enpire verify --replay` runs again."""

import json
import os
import types

import pytest
import trial_helpers
from enpire_drivers.sim.scene import write_scene
from enpire_research.campaign.audit import replays
from enpire_research.trials import manifest
from enpire_research.trials.outbox import Outbox
from enpire_research.trials.replay import RunFolder
from enpire_research.trials.trial_setup import robot_limits_file
from enpire_tasks import registry

NAMES = ('i0000-screen-000', 'i0000-screen-001')


@pytest.fixture(scope='module')
def recorded(tmp_path_factory):
    """Return (run folder, task, records of two trials) as a station really ran them."""
    folder = tmp_path_factory.mktemp('run')
    (folder / 'unit0').mkdir()
    task = trial_helpers.BlockTask(str(tmp_path_factory.mktemp('task')))
    write_scene(str(folder / 'scene'), task.scene())
    frozen = manifest.total(manifest.of_folders(task.folder, (robot_limits_file(), task.limits_file),
                                                str(folder / 'scene')))
    runner, _ = trial_helpers.runner(folder / 'unit0', task, lab_seed=4)
    outbox, records = Outbox(str(folder / 'unit0' / 'outbox')), []
    with runner:
        for seed, name in enumerate(NAMES):
            for report in (runner.reset(name, seed), runner.rollout(name, seed, trial_helpers.policy('push_left'))):
                report.manifest_hash = frozen
                outbox.put(report)
            records.append(types.SimpleNamespace(kind='trial', body={'trial_id': name, 'status': report.status}))
    return folder, task, records


@pytest.fixture
def known(recorded, monkeypatch):
    monkeypatch.setattr(registry, 'get', lambda name: recorded[1])
    return recorded


def test_trials_that_are_run_again_have_the_same_bits(known):
    folder, _, records = known
    found = replays.check(records, RunFolder(str(folder)), 5, 1)
    assert found.ok and found.text == '2 trials drawn by seed 1: 4 of 4 phases have the same bits', found.wrong


def test_which_trials_are_drawn_follows_from_the_seed_and_void_ones_are_not():
    bodies = [{'trial_id': f't{n:02}', 'status': 'void' if n == 7 else 'failed'} for n in range(20)]
    records = [types.SimpleNamespace(kind='trial', body=body) for body in bodies]
    draws = {seed: replays.choose(records, 5, seed) for seed in range(50)}
    assert draws[3] == replays.choose(records[::-1], 5, 3) != draws[4]
    assert {name for draw in draws.values() for name in draw} == {f't{n:02}' for n in range(20) if n != 7}


def test_a_verdict_that_is_not_what_comes_of_it_is_named_though_it_was_changed_everywhere(known):
    folder, _, records = known
    path = folder / 'unit0' / 'outbox' / f'{NAMES[0]}.rollout.json'
    was = path.read_text()
    values = json.loads(was)
    values['status'] = 'failed' if values['status'] == 'succeeded' else 'succeeded'
    path.write_text(json.dumps(values, sort_keys=True, indent=1) + '\n')
    try:
        found = replays.check(records, RunFolder(str(folder)), 2, 1)
    finally:
        path.write_text(was)
    assert [one.split(':')[0] for one in found.wrong] == [f'{NAMES[0]} rollout']
    assert f"status: '{values['status']}' on record, " in found.wrong[0]


def test_a_trial_without_its_recorded_state_is_named(known):
    folder, _, records = known
    path, = (folder / 'unit0' / 'records').glob(f'{NAMES[1]}.reset.*.npz')
    os.rename(path, f'{path}.gone')
    try:
        found = replays.check(records, RunFolder(str(folder)), 2, 1)
    finally:
        os.rename(f'{path}.gone', path)
    assert [one.split(': ', 1)[0] for one in found.wrong] == [f'{NAMES[1]} reset']
    assert 'there is no record' in found.wrong[0]
