"""Puts the helpers of this folder on the path (test folders are no packages)."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

os.environ.setdefault('MUJOCO_GL', 'egl')
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture(scope='session')
def whole(tmp_path_factory):
    """Return (run folder, task) of an honest campaign that has ended; see audit_helpers."""
    import audit_helpers

    folder = tmp_path_factory.mktemp('lab')
    task = audit_helpers.task_in(folder / 'task')
    audit_helpers.campaign(folder / 'run', task)
    return folder / 'run', task


@pytest.fixture
def honest(whole, tmp_path):
    """Return a copy of its run folder, to be tampered with."""
    return str(shutil.copytree(whole[0], tmp_path / 'run', symlinks=True))


@pytest.fixture
def open_folder():
    """A temporary folder that other users may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(dir='/tmp') as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


@pytest.fixture
def small_disk(tmp_path):
    """Return (folder on a disk of its own of 32 MiB, function that fills it)."""
    if os.geteuid() != 0:
        pytest.skip('mounts a small disk: needs root')
    folder = tmp_path / 'disk'
    folder.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=32m', 'enpire_test', str(folder)], check=True)

    def fill():
        with open(folder / 'filler', 'ab') as handle:
            disk = os.statvfs(folder)
            os.posix_fallocate(handle.fileno(), handle.tell(), disk.f_bavail * disk.f_frsize)
        assert os.statvfs(folder).f_bavail == 0
    yield folder, fill
    subprocess.run(['umount', '--lazy', str(folder)], check=True)
