"""Pictures in memory that a policy can only read."""

import ctypes
import mmap
import os

import numpy as np
import pytest
from enpire_core.types import Frame
from enpire_research.trials import frames


def picture(value, height=2, width=3, camera='top_camera', stamp=5):
    return Frame(camera, stamp, np.full((height, width, 3), value, np.uint8))


@pytest.fixture
def memory():
    writer = frames.Writer(1000)
    yield writer
    writer.close()


def reader(memory):
    return frames.Reader(os.dup(memory.fd))


def test_pictures_go_through_unchanged_each_camera_has_a_place_and_copies_are_one_s_own(memory):
    read, left = reader(memory), picture(9, 4, 5, 'left_wrist_camera')
    said, other = memory.put(picture(7)), memory.put(left)
    assert (read.frame(other).color == 9).all() and read.frame(other).camera == 'left_wrist_camera'
    first = read.frame(said)
    assert (first.color == 7).all() and first.stamp_ns == 5 and first.color.flags.writeable
    first.color[:] = 0
    assert (read.frame(said).color == 7).all()
    assert memory.put(picture(8))['at'] == said['at']
    assert (first.color == 0).all() and (read.frame(said).color == 8).all()


def test_pictures_without_room_are_refused(memory):
    memory.put(picture(1, 10, 30))
    with pytest.raises(ValueError, match='at most 1000 bytes in all'):
        memory.put(picture(1, 2, 20, 'left_wrist_camera'))


def test_nobody_can_write_to_it_by_its_descriptor_whatever_he_tries(memory):
    said = memory.put(picture(7))
    fds = [memory.fd, os.open(f'/proc/self/fd/{memory.fd}', os.O_RDWR)]
    read = mmap.mmap(memory.fd, 0, prot=mmap.PROT_READ)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    mapped = libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_SHARED, memory.fd, 0)
    assert libc.mprotect(ctypes.c_void_p(mapped), 4096, mmap.PROT_READ | mmap.PROT_WRITE) != 0
    for fd in fds:
        for forbidden in (lambda fd=fd: mmap.mmap(fd, 0), lambda fd=fd: os.pwrite(fd, b'x', 0),
                          lambda fd=fd: os.ftruncate(fd, 0), lambda fd=fd: os.ftruncate(fd, 5000)):
            with pytest.raises(OSError):
                forbidden()
        punch_a_hole = 3
        assert libc.fallocate(fd, punch_a_hole, ctypes.c_long(0), ctypes.c_long(4096)) != 0
    os.close(fds[1])
    read.close()
    assert (reader(memory).frame(said).color == 7).all()
