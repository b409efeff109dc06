"""Room that is kept on a disk, whatever fills it."""

import errno
import os

import pytest
from enpire_core import room


@pytest.fixture
def opened(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'x' * 1000)
    descriptor = os.open(path, os.O_RDWR)
    yield str(path), descriptor
    os.close(descriptor)


def test_room_is_kept_behind_the_end_and_given_back_there_and_the_content_stays(opened):
    path, descriptor = opened
    before = os.fstat(descriptor).st_blocks
    for _ in range(2):
        room.keep(path, descriptor, 1000, 1 << 20)
        assert os.fstat(descriptor).st_size == 1000 and os.fstat(descriptor).st_blocks * 512 >= 1 << 20
    os.ftruncate(descriptor, 1000)
    assert os.fstat(descriptor).st_blocks <= before + 8 and os.pread(descriptor, 2000, 0) == b'x' * 1000


def answers(monkeypatch, *codes):
    """Have the kernel answer with these error codes, one after the other."""
    left = list(codes)

    def fallocate(*_):
        room.ctypes.set_errno(left.pop(0))
        return -1
    monkeypatch.setattr(room._libc, 'fallocate', fallocate)


@pytest.mark.parametrize('codes', [(errno.ENOSPC,), (errno.EINTR, errno.EDQUOT)])
def test_where_the_disk_is_full_the_file_is_named_and_what_to_do(opened, monkeypatch, codes):
    path, descriptor = opened
    answers(monkeypatch, *codes)
    with pytest.raises(room.NoRoom, match='the disk is full: expected 16 MiB of room, found less: make room') as caught:
        room.keep(path, descriptor, 0, 10)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, path)


def test_a_disk_with_little_beside_is_full_too_also_where_no_room_can_be_kept(opened, monkeypatch):
    path, descriptor = opened
    room.keep(path, descriptor, 0, 10)
    answers(monkeypatch, errno.EOPNOTSUPP, errno.EOPNOTSUPP)
    room.keep(path, descriptor, 0, 10)
    monkeypatch.setattr(room, 'SPARE_BYTES', 1 << 60)
    with pytest.raises(room.NoRoom):
        room.keep(path, descriptor, 0, 10)


def test_any_other_trouble_is_said_as_it_is(tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    descriptor = os.open(tmp_path / 'file', os.O_RDONLY)
    with pytest.raises(OSError, match='Bad file') as caught:
        room.keep('file', descriptor, 0, 10)
    assert not isinstance(caught.value, room.NoRoom)
    os.close(descriptor)
