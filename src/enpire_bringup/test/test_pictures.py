"""Pictures and clips: options, and how often a clip looks. A fake camera stands for the renderer."""

import numpy as np
import pytest
from PIL import Image

from enpire_bringup import pictures


class FakeCamera:
    """Every picture is of another grey."""

    def __init__(self):
        self.taken = 0

    def picture(self):
        self.taken += 1
        return np.full((20, 30, 3), 40 * self.taken % 256, np.uint8)


@pytest.mark.parametrize('text', ['960', '960x', '0x0', '8x8', '4000x100', 'axb', '960x600x3', ''])
def test_a_size_that_makes_no_sense_is_refused(text):
    with pytest.raises(pictures.PictureError, match='--size: expected WIDTHxHEIGHT'):
        pictures.parse_size(text)


def test_a_size_is_width_and_height():
    assert pictures.parse_size('960x600') == (960, 600)


def test_a_file_of_another_kind_or_in_no_folder_is_refused(tmp_path):
    with pytest.raises(pictures.PictureError, match='ends with .webp, .gif'):
        pictures.check_file(str(tmp_path / 'x.png'), pictures.MOVING, '--clip')
    with pytest.raises(pictures.PictureError, match='expected a folder'):
        pictures.check_file(str(tmp_path / 'no' / 'x.png'), pictures.STILL, '--out')
    pictures.check_file(str(tmp_path / 'x.PNG'), pictures.STILL, '--out')


@pytest.mark.parametrize('speed, looks', [(1.0, 30), (4.0, 8), (0.1, 60)])
def test_a_clip_looks_as_often_as_its_speed_needs(speed, looks):
    camera = FakeCamera()
    clip = pictures.Clip(camera, speed)
    for _ in range(60):
        clip.tick()
    assert camera.taken == clip.frames == looks


def test_a_clip_is_written_with_all_its_pictures(tmp_path):
    clip = pictures.Clip(FakeCamera(), 1.0)
    for _ in range(10):
        clip.tick()
    clip.write(tmp_path / 'x.webp')
    with Image.open(tmp_path / 'x.webp') as found:
        assert found.n_frames == 5 and found.size == (30, 20)


def test_a_clip_without_a_picture_is_an_error(tmp_path):
    with pytest.raises(pictures.PictureError, match='nothing to show'):
        pictures.Clip(FakeCamera(), 1.0).write(tmp_path / 'x.webp')


def test_pictures_beyond_the_most_are_left_out_and_counted(monkeypatch):
    monkeypatch.setattr(pictures, 'MOST_FRAMES', 3)
    clip = pictures.Clip(FakeCamera(), 1.0)
    for _ in range(10):
        clip.tick()
    assert (clip.frames, clip.left_out) == (3, 2)


def test_a_moment_is_taken_once_at_its_tick():
    camera = FakeCamera()
    moment = pictures.Moment(camera, 0.1)
    for _ in range(10):
        moment.tick()
    assert camera.taken == 1
    assert moment.picture()[0, 0, 0] == 40


def test_a_moment_after_the_end_of_the_trial_is_refused_and_says_how_long_it_was():
    moment = pictures.Moment(FakeCamera(), 9.0)
    for _ in range(60):
        moment.tick()
    with pytest.raises(pictures.PictureError, match='at most the 2.0 s .* got 9'):
        moment.picture()
