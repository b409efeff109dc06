"""What every confined program may see of the system: its programs and libraries, never a person's files."""

import os
import sys

# Where they are links into /usr, they stay so.
PROGRAMS = ('/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32')
SETTINGS = ('/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d', '/etc/alternatives', '/etc/localtime',
            # What numeric libraries choose their kernels by.
            '/sys/devices/system/cpu')
DEVICES = ('/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom')


def interpreter():
    """Return the files and folders that this Python needs, without the packages installed for it.

    Its packages are named by whoever knows which are needed.
    """
    found = [sys.executable, os.path.join(sys.prefix, 'pyvenv.cfg'), sys.base_prefix]
    return tuple(path for path in found if os.path.exists(path) and not given(path))


def given(path):
    """Whether ``path`` is seen by every program anyhow."""
    real = os.path.realpath(path)
    return any(path == top or path.startswith(f'{top}/') for top in PROGRAMS) and any(
        real == top or real.startswith(f'{top}/') for top in PROGRAMS)
