"""Landlock: what of the file system a process may use, as a descriptor that it then confines itself with.

By the system calls themselves: the package `landlock` of PyPI knows neither networks nor scopes. Every kind of access
that this kernel's Landlock can refuse is refused, but for what is named.
Not covered by Landlock: whether a file is there, its size and times (`stat`), changing mode and owner; those are left
to the other user's rights.
"""

import ctypes
import os
import stat
import struct

# The same numbers on every machine.
_CREATE, _ADD, RESTRICT = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE = 1 << 14
# How many kinds of access to files each version (from the first one) knows; later ones as the last.
_KINDS = (13, 14, 15, 15, 16)
_FOR_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | 1 << 15
_BIND_AND_CONNECT, _ABSTRACT_SOCKETS_AND_SIGNALS = 3, 3
_NETWORK_FROM, _SCOPES_FROM = 4, 6
READ = _READ_FILE | _READ_DIR
PROGRAMS = READ | _EXECUTE
NAMES = _READ_DIR
DEVICE = _READ_FILE | _WRITE_FILE | 1 << 15
EVERYTHING = (1 << 16) - 1
# All but devices: what one may do in a folder of one's own.
OWN = EVERYTHING & ~(1 << 6 | 1 << 11 | 1 << 15)


def _call(number, *words):
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(number, *words)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f'Landlock (system call {number}): {os.strerror(code)}')
    return result


def version():
    """Return the version of Landlock's interface, 1 or more; 0 where the kernel has none, or it is switched off."""
    try:
        return _call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    except OSError:
        return 0


def handled(abi):
    """Return (kinds of access to files, of network, scopes) that version ``abi`` can refuse."""
    files = (1 << _KINDS[min(abi, len(_KINDS)) - 1]) - 1
    return (files, _BIND_AND_CONNECT if abi >= _NETWORK_FROM else 0,
            _ABSTRACT_SOCKETS_AND_SIGNALS if abi >= _SCOPES_FROM else 0)


def create(rules, abi):
    """Return a descriptor of the ruleset that refuses all but ``rules``; the caller closes it. OSError.

    ``rules``: (path, kinds of access); what is not there is left out, and what a file can't be asked for, too.
    """
    attributes = struct.pack('<QQQ', *handled(abi))[:24 if abi >= _SCOPES_FROM else 16 if abi >= _NETWORK_FROM else 8]
    fd = _call(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for path, kinds in rules:
            _add(fd, path, kinds & handled(abi)[0])
    except OSError:
        os.close(fd)
        raise
    return fd


def _add(ruleset, path, kinds):
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(beneath).st_mode):
            kinds &= _FOR_FILES
        _call(_ADD, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), struct.pack('<Qi', kinds, beneath),
              ctypes.c_uint32(0))
    finally:
        os.close(beneath)
