"""When an ended process is started again."""

from enpire_bringup.supervisor.policy import RespawnPolicy


def test_each_restart_within_the_window_waits_twice_as_long_up_to_the_longest():
    policy = RespawnPolicy(delay_s=1.0, longest_s=3.0, limit=5)
    assert [policy.ended(t) for t in (0.0, 1.0, 2.0, 3.0)] == [1.0, 2.0, 3.0, 3.0]


def test_the_fifth_end_within_the_window_is_the_last():
    policy = RespawnPolicy(limit=5, window_s=60.0)
    assert [policy.ended(t) is None for t in (0, 15, 30, 45, 60)] == [False] * 4 + [True]


def test_old_ends_are_forgotten():
    policy = RespawnPolicy(delay_s=1.0, limit=5, window_s=60.0)
    assert all(policy.ended(20.0 * i) is not None for i in range(20))
    assert policy.ended(1000.0) == 1.0
