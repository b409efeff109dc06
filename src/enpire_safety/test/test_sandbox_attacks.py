"""Programs that try to get out of each sandbox that this machine has: none of it works."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import pytest
import sandbox_helpers
from enpire_safety.sandbox import family, probe, system

SOURCES = pathlib.Path(__file__).resolve().parents[2]
# By what it tries; each shall raise OSError.
ATTACKS = {
    'a TCP socket': "socket.create_connection(('127.0.0.1', given['tcp']), 1)",
    'a UDP socket': "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', given['udp']))",
    'a UDP socket of version 6': "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    'a netlink socket': "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    'a raw socket': "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    'an abstract Unix socket': "socket.socket(socket.AF_UNIX).connect('\\0' + given['abstract'])",
    'a Unix socket by its path': "socket.socket(socket.AF_UNIX).connect(given['socket'])",
    'a pair of sockets': "socket.socketpair()",
    'a signal to the server': "os.kill(given['pid'], signal.SIGTERM)",
    'a signal to its group': "os.killpg(os.getpgid(given['pid']), signal.SIGCONT)",
    'ptrace of the server': "call('ptrace', 0x4206, given['pid'], None, None)",
    'memory of the server by a call': "call('process_vm_readv', given['pid'], None, 0, None, 0, 0)",
    'memory of the server': "open(f'/proc/{given[\"pid\"]}/mem', 'rb')",
    'environment of the server': "open(f'/proc/{given[\"pid\"]}/environ', 'rb').read()",
    'files of the server': "os.listdir(f'/proc/{given[\"pid\"]}/fd')",
    'root of the server': "os.listdir(f'/proc/{given[\"pid\"]}/root/')",
    'environment of the guard': "open(f'/proc/{os.getppid()}/environ', 'rb').read()",
    'a descriptor of the guard': "open(f'/proc/{os.getppid()}/fd/{given[\"status\"]}', 'wb')",
    'a file of a run': "open(given['file'], 'rb').read()",
    'another way to it': "open('/proc/self/root' + given['file'], 'rb').read()",
    'a file of a task': "open(given['task'], 'rb').read()",
    'the repository': "open(given['repository'] + '/README.md')",
    'the users': "open('/etc/passwd').read()",
    'the passwords': "open('/etc/shadow').read()",
    'a file at home': "open(given['home']).read()",
    'the disk': "open('/dev/vda', 'rb')",
    'the kernel\'s log': "open('/dev/kmsg', 'rb')",
    'writing into /': "open('/x', 'w')",
    'writing into /usr': "open('/usr/x', 'w')",
    'writing into /etc': "open('/etc/x', 'w')",
    'writing into /dev': "open('/dev/x', 'w')",
    'writing beside the interpreter': "open(os.path.dirname(sys.executable) + '/x', 'w')",
    'writing to the interpreter': "open(sys.executable, 'r+b')",
    'changing the mode of the interpreter': "os.chmod(sys.executable, 0o777)",
    'a setting of the kernel': "open('/proc/sys/kernel/hostname', 'w').write('x')",
    'a file in /dev/shm': "open('/dev/shm/x', 'w')",
    'a file in memory': "os.memfd_create('x')",
    'shared memory of System V': "syscall(given['shmget'], 5, 4096, 0o1666)",
    'a queue of POSIX': "syscall(given['mq_open'], b'/x', os.O_CREAT | os.O_RDWR, 0o666, None)",
    'becoming root': "os.setresuid(0, 0, 0)",
    'becoming root\'s group': "os.setresgid(0, 0, 0)",
    'another user': "os.setresuid(1000, 1000, 1000)",
    'other groups': "os.setgroups([0])",
    'a mount': "call('mount', b'none', b'/', b'tmpfs', 0, None)",
    'a mount\'s end': "call('umount2', b'/usr', 2)",
    'a mount the new way': "syscall(430, b'tmpfs', 0)",
    'a new root': "os.chroot('.')",
    'a user namespace': "call('unshare', 0x10000000)",
    'a network namespace': "call('unshare', 0x40000000)",
    'a child in a user namespace': "syscall(given['clone'], 0x10000000 | 17, 0, 0, 0, 0)",
    'a child by clone3': "syscall(435, (ctypes.c_uint64 * 11)(0x10000000), 88)",
    'the namespace of the server': "call('setns', os.open(f'/proc/{given[\"pid\"]}/ns/mnt', os.O_RDONLY), 0)",
    'the keys': "syscall(given['keyctl'], 0, -3, 1)",
    'a program in the kernel': "syscall(given['bpf'], 0, None, 0)",
    'a ring of the kernel': "syscall(425, 8, ctypes.create_string_buffer(120))",
    'page faults': "syscall(given['userfaultfd'], 0)",
    'counters of the kernel': "syscall(given['perf_event_open'], ctypes.create_string_buffer(128), 0, -1, -1, 0)",
    'a file by its handle': "syscall(given['open_by_handle_at'], -100, ctypes.create_string_buffer(24), 0)",
    'a descriptor of the server': "syscall(438, os.pidfd_open(given['pid']), 0, 0)",
    'a call that is too new': "syscall(2000)",
    'a name for the machine': "socket.sethostname('x')",
    'the time': "time.clock_settime(time.CLOCK_REALTIME, 0)",
    'the priority': "os.setpriority(os.PRIO_PROCESS, 0, -10)",
    'a device': "os.mknod('device', 0o60666, 0xfe00)",
    'typing for others': "call('ioctl', 0, ctypes.c_ulong(0x5412), b'x')",
}
TRY_ALL = """
found = {}
for name, source in given['attacks'].items():
    try:
        exec(source)
        found[name] = 'possible'
    except OSError as error:
        found[name] = f'refused: {error}'
print(json.dumps(found))
"""


@contextlib.contextmanager
def outside():
    """What lies outside, open to everybody: listeners and a file."""
    from enpire_safety.sandbox import seccomp

    column = list(seccomp.MACHINES).index(os.uname().machine)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(sandbox_helpers.open_folder())
        given = {'pid': os.getpid(), 'file': os.path.join(folder, 'outbox.json'), 'abstract': f'test{os.getpid()}',
                 'socket': os.path.join(folder, 'socket'), 'repository': str(SOURCES.parent), 'status': 5,
                 'task': str(SOURCES / 'enpire_tasks' / 'enpire_tasks' / 'registry.py'), 'clone': (56, 220)[column],
                 **{name: numbers[column] for name, numbers in seccomp.REFUSED.items()}}
        # The folder alone may be there: for a Python installed below it.
        given['home'] = stack.enter_context(tempfile.NamedTemporaryFile(dir=pathlib.Path.home())).name
        os.chmod(given['home'], 0o644)
        pathlib.Path(given['file']).write_text('{}')
        os.chmod(given['file'], 0o666)
        for name, kind in (('tcp', socket.SOCK_STREAM), ('udp', socket.SOCK_DGRAM)):
            one = stack.enter_context(socket.socket(socket.AF_INET, kind))
            one.bind(('127.0.0.1', 0))
            given[name] = one.getsockname()[1]
            if name == 'tcp':
                one.listen()
        for address in ('\0' + given['abstract'], given['socket']):
            one = stack.enter_context(socket.socket(socket.AF_UNIX))
            one.bind(address)
            one.listen()
        os.chmod(given['socket'], 0o777)
        yield given


@pytest.fixture(scope='module', params=sandbox_helpers.launchers())
def launcher(request):
    """Each sandbox that this machine has."""
    return request.param


@pytest.fixture(scope='module')
def answers(launcher):
    """What came of each attack."""
    with outside() as given:
        status, said = sandbox_helpers.run(launcher, TRY_ALL, json.dumps({**given, 'attacks': ATTACKS}))
    assert status == 0, said
    return json.loads(said.splitlines()[-1])


@pytest.mark.parametrize('what', ATTACKS)
def test_no_attack_works(answers, what):
    assert answers[what].startswith('refused: '), answers[what]


def test_the_same_attacks_work_without_a_sandbox_where_a_user_may_do_that():
    """Else they would show nothing."""
    harmless = ('a TCP socket', 'a UDP socket', 'an abstract Unix socket', 'a Unix socket by its path',
                'a file at home', 'a file of a run', 'another way to it', 'a file of a task', 'the repository',
                'the users', 'a pair of sockets', 'a file in memory', 'shared memory of System V',
                'environment of the server')
    with outside() as given:
        given['attacks'] = {name: ATTACKS[name] for name in harmless}
        said = subprocess.run([sys.executable, '-I', '-S', '-c', sandbox_helpers.PRELUDE + TRY_ALL, json.dumps(given)],
                              capture_output=True, text=True, timeout=60)
    assert json.loads(said.stdout) == dict.fromkeys(harmless, 'possible'), said.stderr


def test_of_the_home_of_root_it_sees_at_most_the_way_to_its_python(launcher):
    status, said = sandbox_helpers.run(launcher, """
try:
    print(json.dumps(os.listdir('/root')))
except OSError:
    print('[]')
""")
    way = {path.split('/')[2] for path in map(os.path.realpath, system.interpreter()) if path.startswith('/root/')}
    assert status == 0 and set(json.loads(said)) <= way


def test_it_sees_only_its_own_processes_its_own_environment_and_the_given_descriptors(launcher, monkeypatch):
    monkeypatch.setenv('SECRET_OF_THE_LAB', 'x')
    read, write = os.pipe()
    with os.fdopen(read), os.fdopen(write, 'w'):
        status, said = sandbox_helpers.run(launcher, """
held = []
for name in os.listdir('/proc/self/fd'):
    try:
        held.append(os.readlink('/proc/self/fd/' + name))
    except OSError:
        continue  # that of the listing
print(json.dumps([sorted(os.environ), len(held), sum('pipe' in one for one in held), os.listdir('.'), os.getcwd(),
                  sum(pid.isdigit() for pid in os.listdir('/proc')) if given['processes'] else 2]))
""", json.dumps({'processes': launcher.name == 'bubblewrap'}), fds=(write,))
    environment, held, pipes, files, folder, processes = json.loads(said)
    assert status == 0 and [name for name in environment if name not in ('LC_CTYPE', 'PWD')] == [family.MARK, 'LANG']
    assert (held, pipes, files, processes) == (4, 1, [], 2) and folder != os.getcwd()


@pytest.mark.parametrize('source, words', [
    ('held = []\nwhile True:\n    try: pid = os.fork()\n    except OSError as found: error = found; break\n'
     '    if pid == 0: time.sleep(60)\n    held.append(pid)\nprint(len(held) < 64, error)', 'True [Errno 11]'),
    ('try: open("big", "wb").write(bytes(65 << 20))\nexcept OSError as error: print(error)', '[Errno 2'),
    ('try: bytearray(5 << 30)\nexcept MemoryError: print("no memory")', 'no memory'),
    ('held = []\ntry:\n    while True: held.append(os.open("/dev/null", 0))\n'
     'except OSError as error: print(error, len(held) < 256)', '/dev/null\' True'),
    ('print(resource.getrlimit(resource.RLIMIT_CPU))', '(150, 150)'),
    ('print(resource.getrlimit(resource.RLIMIT_CORE))', '(0, 0)'),
    ('try: resource.setrlimit(resource.RLIMIT_NPROC, (999, 999))\nexcept (OSError, ValueError): print("kept")',
     'kept')])
def test_what_it_may_use_is_bounded(launcher, source, words):
    status, said = sandbox_helpers.run(launcher, source)
    assert words in said and status == 0


def test_its_home_has_a_size_and_nothing_else_can_be_filled(launcher):
    if launcher.name != 'bubblewrap':
        pytest.skip('the home of this sandbox lies on disk: each file is bounded, their sum is not')
    status, said = sandbox_helpers.run(launcher, """
for folder in ('.', '/tmp', '/', '/dev'):
    try:
        for n in range(100):
            # /tmp may be its home by another name: none takes the place of one that is there.
            open(f'{folder}/{folder.strip("/.")}{n}', 'wb').write(bytes(1 << 20))
    except OSError as error:
        print(error.strerror, n)
""")
    home, tmp, *others = said.splitlines()
    assert home == 'No space left on device 8' and tmp in ('No space left on device 0', 'Read-only file system 0'), said
    assert others == ['Read-only file system 0'] * 2


def test_a_fork_bomb_is_ended_with_all_its_children(launcher):
    with open(os.devnull, 'wb') as output:
        confined, home = sandbox_helpers.start(launcher, """
while True:
    try:
        os.fork()
        os.setsid()
    except OSError:
        continue
""", output.fileno())
        end = time.monotonic() + 30
        while len(confined.members()) < 20:
            assert time.monotonic() < end
        assert confined.kill() == []
        home.close()
    assert confined.members() == {}


def test_how_it_ended_is_told_by_status_and_by_signal_and_what_it_left_is_dead(launcher):
    for source, ended in (('sys.exit(7)', 7), ('os.kill(os.getpid(), 9)', -9), ('os.kill(os.getpid(), 11)', -11),
                          ('os.kill(os.getpid(), 15)', -15), ('os._exit(0)', 0)):
        hold, kept = os.pipe()
        with open(os.devnull, 'wb') as output:
            confined, home = sandbox_helpers.start(
                launcher, f'if os.fork() == 0:\n    time.sleep(99)\n{source}', output.fileno(), fds=(kept,))
            os.close(kept)
            # The child holds the pipe: its end is seen by us when nothing is left of both.
            assert os.read(hold, 1) == b''
            os.close(hold)
            assert confined.wait(30) == ended
            confined.kill()
            home.close()


def test_what_it_leaves_at_its_home_can_be_read_after_its_end_and_then_is_gone(launcher):
    with open(os.devnull, 'wb') as output:
        confined, home = sandbox_helpers.start(launcher, 'open("left", "w").write("x" * 5000)', output.fileno(),
                                               held=True)
        confined.wait_ready(30)
        home.attach(confined)
        confined.release()
        assert confined.wait(30) == 0 and confined.kill() == []
        with open(os.open('left', os.O_RDONLY, dir_fd=home.folder)) as left:
            assert left.read() == 'x' * 5000
        home.close()
    assert launcher.name == 'bubblewrap' or not os.path.exists(home.path)


def test_a_link_to_what_is_outside_leads_nowhere(launcher):
    with outside() as given:
        status, said = sandbox_helpers.run(launcher, """
for target in (given['file'], '/proc/1/root' + given['file'], '/../..' + given['file']):
    os.symlink(target, 'link')
    try:
        print('possible', open('link').read())
    except OSError as error:
        print('refused', error.strerror)
    os.unlink('link')
""", json.dumps(given))
    assert status == 0 and said.count('refused') == 3, said


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can become nobody to try it as him')
def test_a_normal_user_has_a_sandbox_too_or_is_told_what_mends_it():
    program = ('import sys, json; sys.path[:0] = json.loads(sys.argv[1])\n'
               'from enpire_safety.sandbox import choice\n'
               'try: print(choice.launcher().name)\n'
               'except choice.NoSandbox as error: print(error)')
    python = os.path.realpath(sys.executable)
    try:
        found = subprocess.run([python, '-c', program, json.dumps([path for path in sys.path if path])],
                               user=65534, group=65534, extra_groups=[], cwd='/', env={'PATH': os.defpath},
                               capture_output=True, text=True, timeout=60)
    except PermissionError as error:
        pytest.skip(f'this Python lies where nobody may not go: {error}')
    if 'Permission denied' in found.stderr or 'No module named' in found.stderr:
        pytest.skip(f'this clone lies where nobody may not read: {found.stderr[-200:]}')
    assert found.stdout.strip() == 'bubblewrap' or 'to mend it: ' in found.stdout, found.stderr


def test_the_probe_is_whole_and_finds_a_sandbox_that_leaks(launcher):
    assert probe.whole(probe.probe(launcher))

    class Leaks:
        """A launcher that confines nothing."""
        name = launcher.name

        def home(self, size):
            from enpire_safety.sandbox.outside import Folder
            return Folder()

        def start(self, confinement):
            from enpire_safety.sandbox.outside import launch
            return launch(confinement)
    found = {one.name: one for one in probe.probe(Leaks())}
    assert not probe.whole(found.values())
    for name in ('network', 'processes', 'files', 'memory', 'calls'):
        assert not found[name].ok and 'possible' in found[name].found, found[name]
    assert system.interpreter()
