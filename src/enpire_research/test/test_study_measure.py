"""What a study notes of a trial: the verifier's answer, where it saw the T, and the truth."""

import pytest
import trial_helpers
from enpire_research.studies import push_t_measure
from enpire_research.trials.direct import DirectRunner


@pytest.fixture(scope='module')
def row(tmp_path_factory):
    """The row of a trial whose policy raises at once: nobody has touched the T since its reset."""
    with DirectRunner.create('push_t', str(tmp_path_factory.mktemp('trial')), lab_seed=3) as runner:
        return push_t_measure._trial(runner, 0, trial_helpers.policy('raises'))


def test_a_trial_whose_policy_failed_by_itself_has_an_answer_of_the_verifier_all_the_same(row):
    assert (row['reset'], row['rollout'], row['code']) == ('succeeded', 'failed', 206), row
    assert row['answer'] == 'failure' and row['truly_done'] is False


def test_the_verifier_sees_the_end_state_where_it_truly_is(row):
    millimetres, degrees = row['seen_mm_deg']
    assert millimetres < 1.0 and degrees < 0.5 and row['error_mm'] > 5.0


def test_verdicts_of_the_trial_itself_are_taken_where_there_is_one():
    class Rollout:
        error_code, status = 0, 'succeeded'
    assert push_t_measure._answer(Rollout, None, None) == 'success'
    Rollout.status = 'failed'
    assert push_t_measure._answer(Rollout, None, None) == 'failure'
    Rollout.error_code = 213
    assert push_t_measure._answer(Rollout, None, None) == 'unknown'
