"""Time in control ticks of 1/30 s, as whole nanoseconds.

A tick's stamp is the floor of k * 1e9 / 30: whole numbers only, so that a stamp and its tick are one
to one and no two machines round differently.
"""

TICK_RATE_HZ = 30
NANOSECONDS = 1_000_000_000
TICK_S = 1.0 / TICK_RATE_HZ


def tick_to_ns(tick):
    """Return the stamp [ns] of control tick ``tick`` (an integer, 0 or more)."""
    if tick < 0:
        raise ValueError(f'expected a tick of 0 or more, got {tick}')
    return tick * NANOSECONDS // TICK_RATE_HZ


def ns_to_tick(stamp_ns):
    """Return the tick whose stamp is ``stamp_ns``; ValueError for a stamp between two ticks."""
    tick = -(-stamp_ns * TICK_RATE_HZ // NANOSECONDS)
    if stamp_ns < 0 or tick_to_ns(tick) != stamp_ns:
        raise ValueError(f'expected the stamp of a {TICK_RATE_HZ} Hz tick, got {stamp_ns} ns')
    return tick


def ticks_after(stamp_ns, ticks):
    """Return the stamp [ns] ``ticks`` ticks after ``stamp_ns``: on the grid of ticks where that one is on it."""
    tick = stamp_ns * TICK_RATE_HZ // NANOSECONDS
    for near in (tick, tick + 1):
        if stamp_ns >= 0 and tick_to_ns(near) == stamp_ns:
            return tick_to_ns(near + ticks)
    return stamp_ns + ticks * NANOSECONDS // TICK_RATE_HZ


def seconds_to_ticks(seconds):
    """Return the number of whole ticks that last ``seconds`` or a little less."""
    return int(seconds * TICK_RATE_HZ + 1e-9)
