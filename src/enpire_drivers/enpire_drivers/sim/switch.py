"""What cuts the power of simulated motors. Pure."""


class SimSwitch:
    """The power of a simulated station's motors as an `arm.switches.PowerSwitch`."""

    name = 'simulated motors'

    def __init__(self, station):
        self._station = station

    def ask(self, on, reason, now_s):
        """See PowerSwitch."""
        if on:
            self._station.restore_power()
        else:
            self._station.cut_power(reason)

    def done(self, now_s):
        """See PowerSwitch: it takes no time."""
        return True
