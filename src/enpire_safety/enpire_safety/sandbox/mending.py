"""Which command mends what a machine lacks for the sandbox."""

import os
import sys

from enpire_safety.sandbox import system

INSTALL = 'sudo apt-get install --yes bubblewrap'
AS_ROOT = 'install bubblewrap, or run the lab as root'
LANDLOCK = 'a kernel from 5.13 on with lsm=landlock,... (see /sys/kernel/security/lsm), or bubblewrap'
# What Ubuntu 24.04 wants of programs that make user namespaces.
APPARMOR = (r"printf 'abi <abi/4.0>,\ninclude <tunables/global>\nprofile bwrap /usr/bin/bwrap flags=(unconfined) "
            r"{\n  userns,\n}\n' | sudo tee /etc/apparmor.d/bwrap && sudo apparmor_parser -r /etc/apparmor.d/bwrap")
# (file of the kernel, what stands in it where it is the cause, the command)
_SETTINGS = (
    ('/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1', APPARMOR),
    ('/proc/sys/kernel/unprivileged_userns_clone', '0', 'sudo sysctl -w kernel.unprivileged_userns_clone=1'),
    ('/proc/sys/user/max_user_namespaces', '0', 'sudo sysctl -w user.max_user_namespaces=15000'))
CONTAINER = ('in a container: start it with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined '
             '--cap-add SYS_ADMIN`, or run the lab as root on a kernel with Landlock')


def setting(path):
    """Return what the kernel's file ``path`` holds, '' where there is none."""
    try:
        with open(path, encoding='ascii') as handle:
            return handle.read().strip()
    except OSError:
        return ''


def of_start(launcher, said, read=setting, uid=None):
    """Return the command that mends a confined program's not starting.

    ``said``: what it was told by; ``read``: reads a setting of the kernel; ``uid``: None: of this process.
    """
    uid = os.geteuid() if uid is None else uid
    if launcher == 'bubblewrap' and uid != 0:
        for path, bad, command in _SETTINGS:
            if read(path) == bad:
                return command
    if 'Permission denied' in said and 'python' in said or 'No module named' in said:
        closed = system.closed_above(sys.executable) or system.closed_above(os.path.realpath(sys.executable))
        if closed:
            return f'chmod a+x {closed}, or `make setup` with a PYTHON and a clone that lie elsewhere'
        return 'chmod -R a+rX .venv build install src, and a+x for the folders above: another user must read them'
    return CONTAINER if launcher == 'bubblewrap' else ''
