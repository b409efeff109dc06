"""Artifacts: what onnxruntime makes of them, and rollouts of policies that use one."""

import os

import numpy as np
import onnx_models
import pytest
import trial_helpers
from enpire_policy import ArtifactError, artifact
from enpire_research.trials import replay
from enpire_research.trials import report as reports
from enpire_research.trials.given import read_artifact
from enpire_research.trials.policy_process import ARTIFACT, PolicyFailure
from enpire_research.trials.outbox import Outbox
from enpire_tasks import registry

FALL = onnx_models.linear(np.zeros((3, 2)), (0.01, 0.02))


# ---- the file ------------------------------------------------------------------------------
def test_an_artifact_runs_by_the_names_in_its_file():
    net = artifact.Artifact(onnx_models.linear(bias=(1.0, 2.0)))
    assert net.inputs == {'pose': ((None, 3), np.float32)} and net.outputs == {'push': ((None, 2), np.float32)}
    assert net.run(pose=[[3, 4, 5], [0, 0, 1]])['push'].tolist() == [[4.0, 6.0], [1.0, 2.0]]


@pytest.mark.parametrize('data', [b'not a model', b'', b'\x08\x08' * 40, FALL[:len(FALL) // 2]])
def test_what_is_no_model_is_told(data):
    with pytest.raises(ArtifactError, match='expected an ONNX model that onnxruntime .* loads, got one'):
        artifact.Artifact(data)


@pytest.mark.parametrize('inputs, words', [
    ({}, "expected the inputs 'pose', got none"),
    ({'pose': [[1, 2, 3]], 'more': 1}, "expected the inputs 'pose', got 'more', 'pose'"),
    ({'pose': [1, 2, 3]}, r"input 'pose': expected the shape \(any, 3\), got \(3,\)"),
    ({'pose': 1.0}, r'got \(\)'), ({'pose': [[1, 2]]}, r'got \(1, 2\)'), ({'pose': [[1, 'a', 3]]}, 'expected an array'),
    ({'pose': [[1, 2, float('nan')]]}, "input 'pose': expected finite numbers"), ({'pose': [[1, 2, 1e300]]}, 'finite'),
    ({'pose': [[1, 2], [3]]}, 'expected an array'), ({'pose': None}, 'expected an array')])
def test_inputs_of_other_names_shapes_or_values_are_refused(inputs, words):
    with pytest.raises(ArtifactError, match=words):
        artifact.Artifact(FALL).run(**inputs)


def test_an_output_that_is_not_finite_is_refused():
    with pytest.raises(ArtifactError, match="output 'push': expected finite numbers, got NaN or infinity"):
        artifact.Artifact(onnx_models.linear(bias=(np.nan, 0))).run(pose=np.zeros((1, 3)))


def test_a_process_without_an_artifact_is_told_how_to_name_one():
    with pytest.raises(ArtifactError, match='artifact_file; enpire trial --artifact FILE'):
        artifact.load_artifact()


def test_files_that_cannot_be_read_are_failures_of_the_policy(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / 'fifo')
    (tmp_path / 'empty').touch()
    (tmp_path / 'large').write_bytes(b'x' * 11)
    monkeypatch.setattr('enpire_research.trials.given.MAX_ARTIFACT_BYTES', 10)
    for name, words in {'none': 'there is none', '.': 'a folder', 'fifo': 'no file', 'empty': 'empty',
                        'large': 'at most 10 bytes', 'a\0b': 'expected a path'}.items():
        before = os.listdir('/proc/self/fd')
        with pytest.raises(PolicyFailure, match=words) as caught:
            read_artifact(str(tmp_path / name))
        assert caught.value.code == ARTIFACT and len(os.listdir('/proc/self/fd')) == len(before), name


# ---- rollouts ------------------------------------------------------------------------------
@pytest.fixture
def lab(tmp_path):
    folder = tmp_path / 'run' / 'unit0'
    folder.mkdir(parents=True)
    runner, task = trial_helpers.runner(folder, trial_helpers.BlockTask(str(tmp_path)), lab_seed=3)
    with runner:
        yield runner, folder, task


def written(folder, data, name='net.onnx'):
    path = os.path.join(str(folder), name)
    with open(path, 'wb') as handle:
        handle.write(data)
    return path


def test_a_rollout_with_an_artifact_moves_by_it_and_replays_with_the_same_bits(lab, tmp_path, monkeypatch):
    from enpire_drivers.sim.scene import write_scene

    runner, folder, task = lab
    monkeypatch.setattr(registry, 'get', lambda name: task)
    path = written(tmp_path, FALL)
    report = runner.rollout('t', 1, trial_helpers.policy('asks_artifact'), artifact_file=path)
    assert report.error_code == 0, report.error_msg
    log = (folder / 'policy_logs' / 't.log').read_text()
    assert [float(word) for word in log.split()[1:]] == pytest.approx([0.01, 0.02])
    kept = folder / 'artifacts' / f'{report.artifact_hash}.onnx'
    assert kept.read_bytes() == FALL
    os.unlink(path)
    write_scene(str(tmp_path / 'run' / 'scene'), task.scene())
    Outbox(str(folder / 'outbox')).put(report)
    run = replay.RunFolder(str(tmp_path / 'run'))
    (phase,), problems = run.phases()
    assert phase.artifact == str(kept) and not problems
    again = replay.DirectReplay(run, str(tmp_path / 'again'), [phase])
    try:
        result = again.replay(phase)
    finally:
        again.close()
    assert {name for name, _, _ in result.differences} <= {'manifest_hash'} and not result.error
    os.unlink(kept)
    assert 'the copy of its artifact is not at' in run.phases()[1][0]


@pytest.mark.parametrize('data, words', [
    (None, 'there is none'), (b'garbage', 'expected an ONNX model'),
    (onnx_models.linear(np.zeros((4, 2))), 'expected the shape (any, 4), got (1, 3)'),
    (onnx_models.linear(bias=(np.inf, 0)), "output 'push': expected finite numbers")])
@pytest.mark.parametrize('name', ['asks_artifact', 'acts_by_artifact'])
def test_a_bad_artifact_fails_the_trial_with_its_code_and_what_was_expected(lab, tmp_path, data, words, name):
    runner, _, _ = lab
    path = str(tmp_path / 'none.onnx') if data is None else written(tmp_path, data)
    report = runner.rollout('t', 1, trial_helpers.policy(name), artifact_file=path, episode_s=1.0)
    assert (report.status, report.error_code) == (reports.FAILED, ARTIFACT) and words in report.error_msg


@pytest.mark.parametrize('name', ['asks_artifact', 'acts_by_artifact'])
def test_a_policy_that_wants_an_artifact_where_there_is_none_has_failed(lab, name):
    runner, _, _ = lab
    report = runner.rollout('t', 1, trial_helpers.policy(name), episode_s=1.0)
    assert (report.status, report.error_code) == (reports.FAILED, ARTIFACT)
    assert 'expected an artifact, got a rollout without one' in report.error_msg


def test_an_act_policy_asks_its_artifact_each_tick(lab, tmp_path):
    runner, _, _ = lab
    report = runner.rollout('t', 1, trial_helpers.policy('acts_by_artifact'), artifact_file=written(tmp_path, FALL))
    assert report.error_code == 0, report.error_msg


@pytest.mark.parametrize('module', ['gymnasium', 'enpire_research.training', 'enpire_research.training.environment',
                                    'enpire_research.trials.direct', 'enpire_research.campaign.ledger'])
def test_the_environment_for_training_does_not_exist_in_a_rollout(lab, tmp_path, module):
    runner, _, _ = lab
    path = tmp_path / 'cheats.py'
    path.write_text(f'import {module}\ndef run(robot):\n    pass\n')
    report = runner.rollout('t', 1, str(path))
    assert (report.status, report.error_code) == (reports.FAILED, 206)
    assert f'{module}: a policy has no ROS and no world' in report.error_msg or 'a policy has no' in report.error_msg
