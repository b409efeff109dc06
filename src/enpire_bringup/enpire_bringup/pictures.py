"""Pictures and clips of a simulated station, from the direct runner. Needs no ROS.

A `Camera` takes pictures of a world; a `Clip` takes one every few ticks while a trial runs and writes
them as an animation. Pictures of a station's own camera have that camera's noise and errors.
"""

import os
import re

from enpire_bringup import out_files
from enpire_core.ticks import TICK_RATE_HZ
from enpire_drivers.sim.rendering import View

SIZE = re.compile(r'([1-9][0-9]{1,3})x([1-9][0-9]{1,3})')
LARGEST = (1920, 1080)
STILL, MOVING = ('.png', '.jpg', '.webp'), ('.webp', '.gif')
CLIP_RATE_HZ = 15
MOST_FRAMES = 3000
OUTSIDE = 'outside'


class PictureError(ValueError):
    """A picture cannot be made as it was asked for; the text says why."""


def parse_size(text):
    """Return (width, height) in pixels of 'WIDTHxHEIGHT'."""
    match = SIZE.fullmatch(text)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (16 <= size[0] <= LARGEST[0] and 16 <= size[1] <= LARGEST[1]):
        raise PictureError(f'--size: expected WIDTHxHEIGHT, 16x16 to {LARGEST[0]}x{LARGEST[1]}, '
                           f'for example 960x600, got {text!r}')
    return size


def check_file(path, suffixes, option):
    """Raise PictureError where ``path`` can't take a picture: another suffix, or it can't be written."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in suffixes:
        raise PictureError(f'{option}: expected a file that ends with {", ".join(suffixes)}, '
                           f'got {path!r}')
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise PictureError(f'{option}: expected a folder {folder}: make it first')
    trouble = out_files.trouble(path)
    if trouble:
        raise PictureError(f'{option}: {trouble}')


class Camera:
    """Takes pictures of ``station`` (a SimStation).

    ``name``: a camera of the station, or 'outside' for a free one with ``view`` (a View).
    """

    def __init__(self, station, name, size, view=None):
        self._station, self._name, self._size = station, name, size
        self._view = view or View()

    def picture(self):
        """Return the present scene as (H, W, 3) uint8 RGB."""
        world, (width, height) = self._station.world, self._size
        if self._name == OUTSIDE:
            return world.picture(self._view, width, height)
        frame = world.render(self._name, world.snapshot(), self._station.stamp_ns, width, height)
        return frame.color


class Clip:
    """Takes a picture at every so many calls of `tick`, and writes them in the end.

    ``speed``: simulated seconds a second of the clip; it is rounded so that whole ticks lie between
    two pictures. At most MOST_FRAMES pictures are kept; what comes later is left out and counted.
    """

    def __init__(self, camera, speed):
        self._camera = camera
        self._every = max(1, round(TICK_RATE_HZ * speed / CLIP_RATE_HZ))
        self._ticks = 0
        self._frames = []
        self.left_out = 0

    def tick(self):
        """Note that a tick has passed."""
        if self._ticks % self._every == 0:
            if len(self._frames) < MOST_FRAMES:
                self._frames.append(self._camera.picture())
            else:
                self.left_out += 1
        self._ticks += 1

    @property
    def frames(self):
        """How many pictures it has."""
        return len(self._frames)

    def write(self, path):
        """Write the animation; PictureError where there is no picture."""
        from PIL import Image

        if not self._frames:
            raise PictureError('no tick has passed: there is nothing to show')
        first, *others = (Image.fromarray(frame) for frame in self._frames)
        first.save(path, save_all=True, append_images=others, loop=0, quality=80,
                   duration=round(1000 / CLIP_RATE_HZ))


class Moment:
    """Takes one picture, ``seconds`` of simulated time after the first call of `tick`."""

    def __init__(self, camera, seconds):
        self._camera, self._seconds = camera, seconds
        self._ticks = 0
        self._picture = None

    def tick(self):
        """Note that a tick has passed."""
        if self._ticks == round(self._seconds * TICK_RATE_HZ):
            self._picture = self._camera.picture()
        self._ticks += 1

    def picture(self):
        """Return the picture; PictureError where the trial ended before that moment."""
        if self._picture is None:
            raise PictureError(f'--at: expected at most the {self._ticks / TICK_RATE_HZ:.1f} s that the trial took, '
                               f'got {self._seconds:g}')
        return self._picture


def write_still(pixels, path):
    """Write one picture, (H, W, 3) uint8 RGB."""
    from PIL import Image

    Image.fromarray(pixels).save(path)
