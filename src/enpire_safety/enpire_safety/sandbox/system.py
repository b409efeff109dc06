"""What every confined program may see of the system: its programs and libraries, never a person's files."""

import os
import stat
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


def closed_to_others(paths):
    """Return the first of ``paths``, or of what lies directly in them, that another user can't read; '' for none."""
    for path in paths:
        inside = [os.path.join(path, name) for name in os.listdir(path)] if os.path.isdir(path) else []
        for one in (path, *inside):
            mode = os.stat(one).st_mode if os.path.exists(one) else 0o777
            needed = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
            if mode & needed != needed:
                return one
    return ''


def above(path):
    """Return the folders that ``path`` lies in, the outermost first."""
    found = []
    while path != '/':
        path = os.path.dirname(path)
        found.insert(0, path)
    return found


def closed_above(path):
    """Return the outermost folder above ``path`` that another user can't enter; '' for none."""
    return next((one for one in above(path) if not os.stat(one).st_mode & stat.S_IXOTH), '')


def given(path):
    """Whether ``path`` is seen by every program anyhow."""
    real = os.path.realpath(path)
    return any(path == top or path.startswith(f'{top}/') for top in PROGRAMS) and any(
        real == top or real.startswith(f'{top}/') for top in PROGRAMS)
