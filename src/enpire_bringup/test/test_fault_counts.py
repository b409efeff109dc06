"""Whether trials are lost, counted twice or made up."""

from fault_counts import Counts, count


def record(trial_id, status='failed', candidate=0, reset=0, rollout=None):
    return {'trial_id': trial_id, 'status': status, 'candidate': candidate, 'purpose': 'screen', 'reset': reset,
            'rollout_report': rollout}


def test_every_finished_trial_that_has_one_record_is_counted_once():
    trials = [record('a'), record('b', 'succeeded', reset=1), record('c', 'void', reset=2), record('c-r1', reset=2)]
    assert count(trials, ['a', 'b', 'c-r1'], True) == Counts(3, (), (), (), ())


def test_a_finished_trial_without_a_record_is_lost_once_the_campaign_is_over_and_waits_before():
    assert count([record('a')], ['a', 'b'], True) == Counts(2, ('b',), (), (), ())
    assert count([record('a')], ['a', 'b'], False) == Counts(2, (), (), (), ('b',))


def test_a_finished_trial_that_is_void_on_record_is_lost_whenever_one_looks():
    for ended in (True, False):
        assert count([record('a', 'void')], ['a'], ended) == Counts(1, ('a',), (), (), ())


def test_a_trial_whose_server_broke_when_it_was_to_keep_the_verdict_is_lost():
    broke, refused = {'status': 'unknown', 'error_code': 218}, {'status': 'unknown', 'error_code': 215}
    trials = [record('a', 'void', rollout=broke), record('a-r1'), record('b', 'void', reset=1, rollout=refused)]
    assert count(trials, ['a-r1'], False) == Counts(1, ('a',), (), (), ())


def test_a_trial_is_counted_twice_by_its_name_or_as_another_of_the_same_reset():
    assert count([record('a'), record('a', reset=5)], ['a'], True).twice == ('a',)
    assert count([record('a'), record('a-r1')], ['a', 'a-r1'], True).twice == ('a', 'a-r1')
    assert count([record('a'), record('b', candidate=1)], ['a', 'b'], True).twice == ()


def test_a_record_without_a_verdict_of_a_station_is_made_up():
    assert count([record('a')], [], True) == Counts(0, (), (), ('a',), ())
