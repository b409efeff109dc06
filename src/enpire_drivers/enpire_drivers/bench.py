"""What the arm driver and the camera driver of a simulated station share: one world, in one thread."""

from enpire_drivers.sim.rendering import RenderingError

# Every verdict looks through it. Opening OpenGL costs a quarter of a second of CPU time: with many stations
# on few cores that is seconds in which the station can say nothing. So it is done, by a frame that nobody
# sees, before it says its first word, and not in the middle of a trial.
OPENED_EARLY = 'top_camera'


class Bench:
    """Holds the station while the arm driver is configured, and tells who watches that it moved.

    ``open_station``: called with the arm driver's parameters and the camera profiles, returns a
    `sim.station.SimStation`. ``profiles``: set by the camera driver before anything is opened.
    """

    def __init__(self, open_station):
        self._open_station = open_station
        self.profiles = {}
        self.station = None
        self.unit = ''
        self.camera_trouble = ''  # why OPENED_EARLY can't be rendered, for the camera driver to say
        self._watchers = []

    def open(self, parameters):
        """Open the station; ValueError or OSError say why it could not be opened."""
        self.station = self._open_station(parameters, self.profiles)
        self.unit = parameters.unit
        self.camera_trouble = self._open_camera()
        return self.station

    def forgive_camera(self):
        """Forget why a camera could not be opened: the next look tries again."""
        self.camera_trouble = ''

    def _open_camera(self):
        try:
            self.station.open_camera(OPENED_EARLY)
        except RenderingError as error:
            return f'{OPENED_EARLY}: {error}'
        return ''

    def close(self):
        """Close the station; may be called twice."""
        self.camera_trouble = ''
        station, self.station = self.station, None
        if station is not None:
            station.close()

    def watch(self, callback):
        """Call ``callback()`` after each tick. It must not raise: hand in a guarded one."""
        self._watchers.append(callback)

    def unwatch(self, callback):
        """Stop calling ``callback``; nothing happens where it was not called."""
        if callback in self._watchers:
            self._watchers.remove(callback)

    def moved(self):
        """Tell the watchers that the station moved by a tick, or was put into another state."""
        for callback in self._watchers:
            callback()
