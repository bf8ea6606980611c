"""When a picture is as good as another program's, by `benchmarks/peers.py`."""

from peers import median_until


def test_the_median_time_until_a_goal_is_reached() -> None:
    slow, fast = [(1.0, 3.0), (4.0, 2.0), (5.0, 1.0)], [(1.0, 2.5), (2.0, 2.0), (9.0, 0.5)]
    assert median_until([slow, fast, fast], 2.0) == 2.0
    assert median_until([slow], 2.0) == 4.0


def test_a_goal_that_a_round_does_not_reach() -> None:
    assert median_until([[(1.0, 0.5)], [(1.0, 0.7)]], 0.6) is None
