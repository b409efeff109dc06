"""The filter of system calls that all agent code runs under, as a program for the kernel (seccomp, classic BPF).

Calls are refused that reach other processes, the network, shared memory of other kinds than files, mounts and
namespaces, keys, the kernel's own workings, or that have been a way out of other sandboxes; everything else is left to
the file system, the namespaces and the limits. Newer calls than the newest one known here do not exist (ENOSYS).

Assembled here, not by libseccomp: refusing what is newer than the table is not among its rules, and the filter is the
same on every machine. Not covered: what an allowed call can be made to do by a fault of the kernel.
"""

import errno
import os
import struct

# The AUDIT_ARCH_* of linux/audit.h.
MACHINES = {'x86_64': 0xC000003E, 'aarch64': 0xC00000B7}
# mseal, of Linux 6.10.
NEWEST = 462
# By name: the number on x86_64, on aarch64; None where there is none.
REFUSED = {
    # other processes
    'ptrace': (101, 117), 'process_vm_readv': (310, 270), 'process_vm_writev': (311, 271), 'kcmp': (312, 272),
    'pidfd_getfd': (438, 438), 'move_pages': (279, 239), 'migrate_pages': (256, 238), 'perf_event_open': (298, 241),
    # memory and messages that are no files
    'shmget': (29, 194), 'shmat': (30, 196), 'shmctl': (31, 195), 'shmdt': (67, 197), 'semget': (64, 190),
    'semop': (65, 193), 'semctl': (66, 191), 'semtimedop': (220, 192), 'msgget': (68, 186), 'msgsnd': (69, 189),
    'msgrcv': (70, 188), 'msgctl': (71, 187), 'mq_open': (240, 180), 'mq_unlink': (241, 181),
    'mq_timedsend': (242, 182), 'mq_timedreceive': (243, 183), 'mq_notify': (244, 184), 'mq_getsetattr': (245, 185),
    'memfd_secret': (447, 447), 'socketpair': (53, 199),
    # mounts and namespaces
    'mount': (165, 40), 'umount2': (166, 39), 'pivot_root': (155, 41), 'chroot': (161, 51), 'unshare': (272, 97),
    'setns': (308, 268), 'open_tree': (428, 428), 'move_mount': (429, 429), 'fsopen': (430, 430),
    'fsconfig': (431, 431), 'fsmount': (432, 432), 'fspick': (433, 433), 'mount_setattr': (442, 442),
    'statmount': (457, 457), 'listmount': (458, 458), 'open_by_handle_at': (304, 265),
    'name_to_handle_at': (303, 264), 'fanotify_init': (300, 262),
    # keys
    'add_key': (248, 217), 'request_key': (249, 218), 'keyctl': (250, 219),
    # the kernel's own workings
    'bpf': (321, 280), 'userfaultfd': (323, 282), 'io_uring_setup': (425, 425), 'io_uring_enter': (426, 426),
    'io_uring_register': (427, 427), 'kexec_load': (246, 104), 'kexec_file_load': (320, 294),
    'init_module': (175, 105), 'finit_module': (313, 273), 'delete_module': (176, 106), 'reboot': (169, 142),
    'swapon': (167, 224), 'swapoff': (168, 225), 'acct': (163, 89), 'quotactl': (179, 60), 'quotactl_fd': (443, 443),
    'settimeofday': (164, 170), 'clock_settime': (227, 112), 'clock_adjtime': (305, 266), 'adjtimex': (159, 171),
    'sethostname': (170, 161), 'setdomainname': (171, 162), 'syslog': (103, 116), 'vhangup': (153, 58),
    'personality': (135, 92), 'iopl': (172, None), 'ioperm': (173, None), 'modify_ldt': (154, None)}
_SOCKET, _MEMFD, _CLONE, _CLONE3, _IOCTL = (41, 198), (319, 279), (56, 220), (435, 435), (16, 29)
_AF_UNIX = 1
# CLONE_NEW* of `clone`: mount, cgroup, uts, ipc, user, pid, net.
_NEW_NAMESPACES = 0x7E020000
# TIOCSTI and TIOCLINUX: typing into somebody else's terminal.
_TYPING = (0x5412, 0x541C)

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_KILL, _ALLOW = 0x80000000, 0x7FFF0000
# Of struct seccomp_data: the call's number, the architecture, the low half of the first and second argument.
_NUMBER, _MACHINE, _FIRST, _SECOND = 0, 4, 16, 24


def _refuse(code=errno.EPERM):
    return [(_RETURN, 0, 0, 0x00050000 | code)]


def _when(number, lines):
    """``lines`` (which all return) where the call is ``number``; the number is loaded before and behind."""
    return [] if number is None else [(_EQUAL, 0, len(lines), number), *lines]


def instructions(unix_sockets=False, memory_files=False, machine=None):
    """Return the filter as (code, jump if true, jump if false, value) for ``machine``, `os.uname().machine` where None.

    ``unix_sockets``: may sockets of the kind AF_UNIX be made; ``memory_files``: may memfd_create be called.
    ValueError: no such machine is known.
    """
    machine = machine or os.uname().machine
    if machine not in MACHINES:
        raise ValueError(f'expected a machine of the kind {" or ".join(MACHINES)}, got {machine}: the sandbox knows no '
                         'numbers of its system calls')
    column = list(MACHINES).index(machine)
    allow = [(_RETURN, 0, 0, _ALLOW)]
    lines = [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, MACHINES[machine]), (_RETURN, 0, 0, _KILL),
             # Newer than what is known; the calls of x32 are above, too.
             (_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, NEWEST + 1), *_refuse(errno.ENOSYS)]
    for numbers in REFUSED.values():
        lines += _when(numbers[column], _refuse())
    if not memory_files:
        lines += _when(_MEMFD[column], _refuse())
    # Its flags lie in memory, where no filter sees them; without it the C library takes `clone`.
    lines += _when(_CLONE3[column], _refuse(errno.ENOSYS))
    lines += _when(_CLONE[column], [(_LOAD, 0, 0, _FIRST), (_ANY_BIT, 0, 1, _NEW_NAMESPACES), *_refuse(), *allow])
    lines += _when(_SOCKET[column], [(_LOAD, 0, 0, _FIRST), (_EQUAL, 0, 1, _AF_UNIX), *allow, *_refuse()]
                   if unix_sockets else _refuse())
    lines += _when(_IOCTL[column], [(_LOAD, 0, 0, _SECOND), (_EQUAL, 1, 0, _TYPING[0]), (_EQUAL, 0, 1, _TYPING[1]),
                                    *_refuse(), *allow])
    return lines + allow


def program(**options):
    """Return the filter of `instructions` as the bytes that the kernel (and bubblewrap) takes."""
    return b''.join(struct.pack('<HBBI', *line) for line in instructions(**options))
