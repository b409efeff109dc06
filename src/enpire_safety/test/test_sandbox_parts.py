"""The parts of the sandbox that need no sandbox: words for bubblewrap, the filter, users, what mends what."""

import errno
import os
import re
import struct
import subprocess
import sys

import pytest
from enpire_safety.sandbox import bubblewrap, choice, landlock, mending, probe, ruleset, seccomp, system, uids
from enpire_safety.sandbox.confinement import GUARD, Confinement, Limits, SandboxError


class Home:
    """A home of a size, of a user."""

    def __init__(self, uid=None):
        self.uid, self.path, self.size = uid, bubblewrap.HOME, 1234567


def confinement(uid=None, **options):
    return Confinement(('/usr/bin/true',), {'LANG': 'C.UTF-8'}, Home(uid), 1, **options)


def words(*args, **kwargs):
    return bubblewrap.argv('/usr/bin/bwrap', confinement(*args, **kwargs), 9)


# ---- bubblewrap ----------------------------------------------------------------------------
def test_every_namespace_is_its_own_and_no_capability_is_left():
    found = words()
    for word in ('--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--unshare-user',
                 '--die-with-parent', '--as-pid-1'):
        assert word in found
    assert found[found.index('--cap-drop') + 1] == 'ALL' and '--cap-add' not in found
    assert found[found.index('--seccomp') + 1] == '9' and found[-1] == '--'


def test_root_needs_no_user_namespace_and_keeps_only_what_it_takes_to_become_another_user():
    found = words(60700)
    assert '--unshare-user' not in found
    assert {found[at + 1] for at, word in enumerate(found) if word == '--cap-add'} == {
        'CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'}


def test_whatever_lies_in_memory_has_a_size_and_the_root_is_read_only_last():
    found = words(memory_files=True)
    mounts = [at for at, word in enumerate(found) if word == '--tmpfs']
    assert {found[at + 1]: found[at - 1] for at in mounts} == {
        bubblewrap.HOME: '1234567', '/dev/shm': str(bubblewrap.SHM_BYTES)}
    assert all(found[at - 2] == '--size' for at in mounts)
    assert found.index('--remount-ro') > max(at for at, word in enumerate(found) if word.endswith('bind'))
    assert '--bind' not in found and '--dev' not in found


def test_what_is_shown_is_shown_once_and_lies_in_folders_that_others_may_enter(tmp_path):
    (tmp_path / 'folder').mkdir()
    link = tmp_path / 'link'
    link.symlink_to(tmp_path / 'folder')
    found = words(visible=(str(tmp_path / 'folder'), str(tmp_path / 'folder' / 'below'), str(link), '/usr/bin/python3'))
    shown = {found[at + 2]: found[at + 1] for at, word in enumerate(found) if word == '--ro-bind'}
    assert shown[str(link)] == shown[str(tmp_path / 'folder')] == str(tmp_path / 'folder')
    assert str(tmp_path / 'folder' / 'below') not in shown and '/usr/bin/python3' not in shown and GUARD in shown
    folders = [found[at + 1] for at, word in enumerate(found) if word == '--dir']
    assert str(tmp_path) in folders and found[found.index(str(tmp_path)) - 2] == '0755'


def test_sockets_that_reach_nobody_are_for_bubblewrap_alone():
    options = {'home': Home(), 'output': 1, 'command': ('x',), 'environment': {}, 'unix_sockets': True}
    assert landlock.rules(Confinement(**options))[-1] == (bubblewrap.HOME, ruleset.OWN)
    assert seccomp.program(unix_sockets=True) != seccomp.program()


# ---- the filter ----------------------------------------------------------------------------
def verdict(lines, number, *args, machine='x86_64'):
    """Run the filter as the kernel does; return what it returns."""
    data = struct.pack('<iIQ6Q', number, seccomp.MACHINES[machine], 0, *(list(args) + [0] * 6)[:6])
    at = loaded = 0
    while True:
        code, if_true, if_false, value = lines[at]
        at += 1
        if code == 0x06:
            return value
        if code == 0x20:
            loaded = struct.unpack_from('<I', data, value)[0]
            continue
        holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[code]
        at += if_true if holds else if_false


ALLOW, KILL = 0x7FFF0000, 0x80000000


def refused(code=errno.EPERM):
    return 0x00050000 | code


@pytest.mark.parametrize('machine', seccomp.MACHINES)
def test_every_call_of_the_table_is_refused_and_what_python_needs_is_not(machine):
    column = list(seccomp.MACHINES).index(machine)
    lines = seccomp.instructions(machine=machine)
    for name, numbers in seccomp.REFUSED.items():
        if numbers[column] is not None:
            assert verdict(lines, numbers[column], machine=machine) == refused(), name
    needed = {'read': (0, 63), 'write': (1, 64), 'openat': (257, 56), 'mmap': (9, 222), 'execve': (59, 221),
              'exit_group': (231, 94), 'kill': (62, 129), 'wait4': (61, 260), 'futex': (202, 98), 'getpid': (39, 172)}
    for name, numbers in needed.items():
        assert verdict(lines, numbers[column], machine=machine) == ALLOW, name


def test_another_architecture_is_killed_and_calls_of_x32_or_newer_ones_do_not_exist():
    lines = seccomp.instructions(machine='x86_64')
    assert verdict(lines, 0, machine='aarch64') == KILL
    for number in (seccomp.NEWEST + 1, 1000, 0x40000000, 0x40000000 + 41, -1):
        assert verdict(lines, number) == refused(errno.ENOSYS)


def test_threads_and_children_are_allowed_and_those_in_new_namespaces_are_not():
    lines, (clone, _) = seccomp.instructions(machine='x86_64'), seccomp._CLONE
    assert verdict(lines, clone, 17) == verdict(lines, clone, 0x3D0F00) == ALLOW  # a fork, a thread
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert verdict(lines, clone, flag | 17) == refused()
    assert verdict(lines, 435) == refused(errno.ENOSYS)


def test_sockets_and_files_in_memory_are_refused_unless_they_are_asked_for():
    strict = seccomp.instructions(machine='x86_64')
    wide = seccomp.instructions(True, True, 'x86_64')
    for family in (1, 2, 10, 16, 17):
        assert verdict(strict, 41, family) == refused()
        assert verdict(wide, 41, family) == (ALLOW if family == 1 else refused())
    assert verdict(strict, 319) == refused() and verdict(wide, 319) == ALLOW


def test_the_numbers_are_those_of_this_machine_s_headers():
    import glob

    paths = glob.glob('/usr/include/*/asm/unistd_64.h') if os.uname().machine == 'x86_64' else []
    if not paths:
        pytest.skip('the headers of the kernel are not here')
    text = open(paths[0], encoding='ascii').read()
    known = {name: int(number) for name, number in re.findall(r'#define __NR_(\w+)\s+(\d+)', text)}
    assert {name: numbers[0] for name, numbers in seccomp.REFUSED.items() if name in known} == {
        name: known[name] for name in seccomp.REFUSED if name in known}
    assert (known['socket'], known['clone'], known['ioctl']) == (
        seccomp._SOCKET[0], seccomp._CLONE[0], seccomp._IOCTL[0])


def test_a_machine_whose_calls_are_not_known_has_no_sandbox():
    with pytest.raises(ValueError, match='expected a machine of the kind x86_64 or aarch64, got riscv64'):
        seccomp.instructions(machine='riscv64')


# ---- Landlock ------------------------------------------------------------------------------
def test_each_version_of_landlock_is_asked_for_what_it_knows():
    assert [ruleset.handled(abi)[0].bit_length() for abi in (1, 2, 3, 4, 5, 7)] == [13, 14, 15, 15, 16, 16]
    assert [ruleset.handled(abi)[1:] for abi in (3, 4, 5, 6, 9)] == [(0, 0), (3, 0), (3, 0), (3, 3), (3, 3)]


# ---- users ---------------------------------------------------------------------------------
def test_a_user_is_leased_to_one_at_a_time_also_beside_other_processes_and_given_back(tmp_path):
    few = range(60600, 60602)
    first, second = (uids.Lease(str(tmp_path), few) for _ in range(2))
    assert {first.uid, second.uid} == {60600, 60601}
    with pytest.raises(SandboxError, match='expected a free user among 60600 to 60601'):
        uids.Lease(str(tmp_path), few)
    program = ('from enpire_safety.sandbox import uids; import sys\n'
               'try: uids.Lease(sys.argv[1], range(60600, 60602))\nexcept Exception as error: print(error)')
    other = subprocess.run([sys.executable, '-c', program, str(tmp_path)], capture_output=True, text=True, timeout=60,
                           env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))})
    assert 'expected a free user' in other.stdout, other.stderr
    second.close()
    second.close()
    assert uids.Lease(str(tmp_path), few).uid == second.uid
    first.close()


# ---- what is told --------------------------------------------------------------------------
@pytest.mark.parametrize('settings, words', [
    ({'/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1'}, 'sudo tee /etc/apparmor.d/bwrap'),
    ({'/proc/sys/kernel/unprivileged_userns_clone': '0'}, 'sysctl -w kernel.unprivileged_userns_clone=1'),
    ({'/proc/sys/user/max_user_namespaces': '0'}, 'sysctl -w user.max_user_namespaces='),
    ({}, '--cap-add SYS_ADMIN')])
def test_a_normal_user_whose_bubblewrap_does_not_start_is_told_the_command_that_mends_it(settings, words):
    assert words in mending.of_start('bubblewrap', 'bwrap: setting up uid map: Permission denied',
                                     lambda path: settings.get(path, ''), uid=1000)


def test_files_that_another_user_cannot_read_are_told():
    said = '/root/v/bin/python: cannot be started: Permission denied'
    assert 'chmod' in mending.of_start('landlock', said, lambda path: '', uid=0)


def test_the_outermost_folder_that_another_user_cannot_enter_is_told(tmp_path, monkeypatch):
    home = tmp_path / 'home'
    (home / 'bin').mkdir(parents=True)
    monkeypatch.setattr(sys, 'executable', str(home / 'bin' / 'python'))
    monkeypatch.setattr(os, 'stat', lambda path, look=os.stat: look(path if path.startswith(str(home)) else '/'))
    home.chmod(0o700)
    said = f'{sys.executable}: cannot be started: Permission denied'
    assert mending.of_start('landlock', said, lambda path: '', uid=0).startswith(f'chmod a+x {home},')
    home.chmod(0o755)
    assert mending.of_start('landlock', said, lambda path: '', uid=0).startswith('chmod -R a+rX')


def test_a_file_that_another_user_may_not_read_is_named_where_programs_become_another_user(tmp_path):
    for name in ('open', 'closed'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'module.py').touch()
    tmp_path.chmod(0o755)
    (tmp_path / 'closed' / 'module.py').chmod(0o600)
    choice.check_readable([str(tmp_path / 'open')], root=True)
    choice.check_readable([str(tmp_path / 'closed')], root=False)
    with pytest.raises(choice.NoSandbox, match=r'may not read .*/closed/module.py; to mend it: chmod -R a\+rX'):
        choice.check_readable([str(tmp_path / 'closed')], root=True)


def test_without_bubblewrap_the_command_that_installs_it_is_told(monkeypatch):
    monkeypatch.setattr(probe.shutil, 'which', lambda name: None)
    found = probe.probe(bubblewrap.Bubblewrap())
    assert not probe.whole(found) and found[-1].mend == 'sudo apt-get install --yes bubblewrap'
    text = choice.text([('bubblewrap', found)])
    assert 'none of it runs' in text and 'bubblewrap: expected the program bwrap, found not installed; to mend' in text


def test_the_best_sandbox_that_is_whole_is_chosen_and_there_is_no_way_without(monkeypatch):
    class One:
        name = 'one'

    class Two(One):
        name = 'two'
    findings = {'one': [probe.Finding('start', False, 'x', 'y', 'z')], 'two': [probe.Finding('start', True, 'x', 'y')]}
    monkeypatch.setattr(probe, 'LAUNCHERS', (One, Two))
    monkeypatch.setattr(probe, 'probe', lambda launcher: findings[launcher.name])
    choice.launcher.cache_clear()
    try:
        assert choice.launcher().name == 'two'
        findings['two'] = findings['one']
        choice.launcher.cache_clear()
        with pytest.raises(choice.NoSandbox, match='two: start: expected x, found y; to mend it: z'):
            choice.launcher()
    finally:
        choice.launcher.cache_clear()


def test_limits_bound_every_kind_of_thing():
    import resource

    assert dict(map(tuple, Limits(memory_bytes=5, processes=6).pairs())) == {
        resource.RLIMIT_AS: 5, resource.RLIMIT_NPROC: 6, resource.RLIMIT_CPU: 150, resource.RLIMIT_FSIZE: 64 << 20,
        resource.RLIMIT_NOFILE: 256, resource.RLIMIT_CORE: 0, resource.RLIMIT_MEMLOCK: 0, resource.RLIMIT_MSGQUEUE: 0}
    assert system.given('/usr/bin/env') and not system.given('/opt/x')
