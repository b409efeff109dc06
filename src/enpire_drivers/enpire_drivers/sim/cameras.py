"""Which frames a simulated station's cameras have. Pure book-keeping; the world renders.

A camera takes a frame at every tick that is a multiple of its period. What is kept is a snapshot of
the world at that tick; pixels are made only when somebody asks, and once. So looking changes nothing.
"""

import re
from dataclasses import dataclass

from enpire_core.ticks import TICK_RATE_HZ, tick_to_ns

DEFAULT_PROFILES = {'top_camera': '640x480x15', 'left_wrist_camera': '320x240x15',
                    'right_wrist_camera': '320x240x15'}
CAMERAS = tuple(DEFAULT_PROFILES)
RATES_HZ = (5, 6, 10, 15, 30)
MIN_PIXELS, MAX_PIXELS = 16, 1920
_PROFILE = re.compile(r'(\d{1,4})x(\d{1,4})x(\d{1,3})')


@dataclass(frozen=True)
class Profile:
    """Width and height in pixels and frames a second of one camera."""

    width: int
    height: int
    rate_hz: int

    @property
    def period_ticks(self):
        """Control ticks from one frame to the next."""
        return TICK_RATE_HZ // self.rate_hz

    def newest_tick(self, tick):
        """Return the tick of the newest frame at control tick ``tick``."""
        return tick - tick % self.period_ticks

    def __str__(self):
        return f'{self.width}x{self.height}x{self.rate_hz}'


def parse_profile(text, name='color_profile'):
    """Return the Profile in ``text`` ('WxHxF', e.g. '640x480x15'); ValueError names the choices."""
    match = _PROFILE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{name}: expected 'WxHxF' such as '640x480x15', got {text!r}")
    width, height, rate = map(int, match.groups())
    for what, pixels in (('width', width), ('height', height)):
        if not MIN_PIXELS <= pixels <= MAX_PIXELS:
            raise ValueError(f'{name}: expected a {what} in [{MIN_PIXELS}, {MAX_PIXELS}] pixels, '
                             f'got {pixels} in {text!r}')
    if rate not in RATES_HZ:
        raise ValueError(f'{name}: expected one of {", ".join(map(str, RATES_HZ))} frames a second '
                         f'(they divide the {TICK_RATE_HZ} Hz of control), got {rate} in {text!r}')
    return Profile(width, height, rate)


class FrameBook:
    """The newest frame's tick and snapshot of each camera, and the frames made from them.

    ``profiles``: Profile by camera name; ``version``: another number whenever a camera may have another
    newest frame; ``rendered``: how often each was rendered so far.
    """

    def __init__(self, profiles):
        self.profiles = dict(profiles)
        self.ticks = {}
        self.snapshots = {}
        self.rendered = dict.fromkeys(self.profiles, 0)
        self.version = 0
        self._frames = {}

    def due(self, tick):
        """Return the cameras that take a frame at ``tick``."""
        return [camera for camera, profile in self.profiles.items() if profile.newest_tick(tick) == tick]

    def note(self, tick, cameras, snapshot):
        """Keep ``snapshot`` (bytes) of ``tick`` as the newest frame of ``cameras``."""
        for camera in cameras:
            self.ticks[camera] = tick
            self.forget_frames(camera)
        self.version += 1
        self.snapshots[tick] = snapshot
        in_use = set(self.ticks.values())
        self.snapshots = {tick: kept for tick, kept in self.snapshots.items() if tick in in_use}

    def forget_frames(self, camera):
        """Drop what was rendered of ``camera``: the next look renders again, to the same pixels."""
        self.check_camera(camera)
        for key in [key for key in self._frames if key[0] == camera]:
            del self._frames[key]

    def replace(self, ticks, snapshots):
        """Take the book of a record: ``ticks`` by camera and ``snapshots`` by tick."""
        self.version += 1
        self.ticks, self.snapshots, self._frames = dict(ticks), dict(snapshots), {}

    def check_camera(self, camera):
        """Raise ValueError, naming the known ones, for a camera that is not in the book."""
        if camera not in self.profiles:
            raise ValueError(f'expected a camera out of {", ".join(sorted(self.profiles))}, got {camera!r}')

    def frame(self, world, camera, depth):
        """Return the newest Frame of ``camera``, rendered by ``world`` if it was not yet."""
        self.check_camera(camera)
        frame = self._frames.get((camera, depth)) or self._frames.get((camera, True))
        if frame is None:
            tick, profile = self.ticks[camera], self.profiles[camera]
            frame = world.render(camera, self.snapshots[tick], tick_to_ns(tick), profile.width,
                                 profile.height, depth=depth)
            # Everybody who looks gets the same arrays: nobody may write into them.
            for pixels in (frame.color, frame.depth):
                if pixels is not None:
                    pixels.flags.writeable = False
            self._frames[(camera, depth)] = frame
            self.rendered[camera] += 1
        return frame
