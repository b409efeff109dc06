"""What pip's output means, and what pip is started with."""
import pytest
from enpire_setup import python_packages
from enpire_setup.errors import SetupError
from enpire_setup.log import Log

OFFLINE = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<pip>: Failed to
establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/anyio/
ERROR: Could not find a version that satisfies the requirement anyio==4 (from versions: none)
ERROR: No matching distribution found for anyio==4
"""


@pytest.mark.parametrize(
    'output, words',
    [
        (OFFLINE, 'index cannot be reached: check network'),
        ('ERROR: [Errno 111] Connection refused', 'index cannot be reached'),
        ('SSLError(SSLCertVerificationError(1, CERTIFICATE_VERIFY_FAILED))', 'certificates'),
        ('urllib3.exceptions.ProtocolError: IncompleteRead(1 bytes read)', 'broke off.*continues'),
        ("ReadTimeoutError: Read timed out. (read timeout=15)", 'broke off'),
        ('ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE FILE', 'hashes of the lock file'),
        ('ERROR: OSError: [Errno 28] No space left on device', 'disk .* is full: free some space'),
        ('OSError: [Errno 122] Disk quota exceeded', 'quota'),
        ('Collecting x\nERROR: No matching distribution found for ros-rcl==9',
         r'status 1 \(ERROR: No matching distribution found for ros-rcl==9\)'),
    ],
)  # fmt: skip
def test_each_way_that_pip_fails_has_its_sentence(output, words, tmp_path):
    error = python_packages.explain_pip(output, 1, tmp_path)
    assert isinstance(error, SetupError)
    with pytest.raises(SetupError, match=words):
        raise error
    assert '\n' not in str(error)


def test_pip_writes_into_this_environment_whatever_the_users_settings_say(tmp_path):
    base = {
        'PATH': '/usr/bin',
        'PYTHONPATH': '/elsewhere',
        'PIP_TARGET': '/elsewhere',
        'PIP_USER': '1',
        'PIP_INDEX_URL': 'kept',
        'MAKEFLAGS': 's',
    }
    env = python_packages.pip_environment(base, tmp_path / '.venv', tmp_path / 'tmp')
    assert env['PIP_USER'] == '0'
    assert 'PYTHONPATH' not in env and 'PIP_TARGET' not in env and 'MAKEFLAGS' not in env
    assert env['PIP_INDEX_URL'] == 'kept'
    assert env['PATH'].split(':')[0] == str(tmp_path / '.venv' / 'bin')
    assert env['TMPDIR'] == str(tmp_path / 'tmp')


def test_a_new_environment_keeps_the_state_and_nothing_else(tmp_path):
    venv = tmp_path / '.venv'
    state = venv / '.enpire'
    (venv / 'lib' / 'half').mkdir(parents=True)
    (venv / 'stray').symlink_to(tmp_path)
    state.mkdir()
    (state / 'setup.log').write_text('kept')
    python_packages.clear_environment(venv, keep=state)
    assert sorted(path.name for path in venv.iterdir()) == ['.enpire']
    assert (state / 'setup.log').read_text() == 'kept'
    assert tmp_path.is_dir()


def test_a_venv_that_fails_is_told_with_its_reason(tmp_path, monkeypatch):
    fake = tmp_path / 'python'
    fake.write_text('#!/bin/sh\necho "Error: ensurepip is not available"\nexit 1\n')
    fake.chmod(0o755)
    monkeypatch.setattr(python_packages.sys, 'executable', str(fake))
    venv = tmp_path / '.venv'
    with pytest.raises(SetupError, match=r'status 1 \(Error: ensurepip is not available\)'):
        python_packages.make_environment(Log(tmp_path / 'log'), venv, venv / '.enpire', False)


def test_a_disk_that_pip_fills_in_a_new_environment_is_told(tmp_path, monkeypatch):
    venv = tmp_path / '.venv'
    full = 'echo "ERROR: Could not install: [Errno 28] No space left on device"; exit 1'
    fake = tmp_path / 'python'
    fake.write_text(
        f'#!/bin/sh\nmkdir -p {venv}/bin\n'
        f"printf '#!/bin/sh\\n%s\\n' '{full}' > {venv}/bin/python\nchmod +x {venv}/bin/python\n"
    )
    fake.chmod(0o755)
    monkeypatch.setattr(python_packages.sys, 'executable', str(fake))
    with pytest.raises(SetupError, match=r'the disk \(or the quota\) is full'):
        python_packages.make_environment(Log(tmp_path / 'log'), venv, venv / '.enpire', False)


@pytest.fixture
def pip(tmp_path):
    """An environment with setuptools 1 whose Python notes how it is called; it fails at a word."""
    venv = tmp_path / '.venv'
    site = python_packages.site_packages(venv)
    (site / 'setuptools-1.dist-info').mkdir(parents=True)
    (site / 'setuptools-1.dist-info' / 'METADATA').write_text('Name: setuptools\nVersion: 1\n')
    (venv / 'bin').mkdir()
    python = venv / 'bin' / 'python'
    python.write_text(
        '#!/bin/sh\nshift 2\nfor last; do :; done\n'
        f'echo "$1" ${{PYTHONPATH+tools}} $(grep -o "^[a-z]*==[0-9]*" "$last") >> {tmp_path}/calls\n'
        f'test "$1" != "$(cat {tmp_path}/fails)" || {{ echo connection refused; exit 1; }}\n'
    )
    python.chmod(0o755)
    (tmp_path / 'fails').write_text('')
    return tmp_path


def write_lock(folder, *pins):
    lock = folder / 'lock.txt'
    lock.write_text(''.join(f'{pin} \\\n    --hash=sha256:aa\n' for pin in pins))
    return lock


def test_only_what_is_lacking_is_downloaded_and_everything_is_installed_without_network(pip):
    lock = write_lock(pip, 'setuptools==1', 'anyio==4')
    work = pip / '.venv' / '.enpire'
    arguments = (Log(pip / 'log'), pip / '.venv', lock, work)
    python_packages.download_packages(*arguments)
    assert (work / 'downloads').is_dir()
    python_packages.install_packages(*arguments)
    assert (pip / 'calls').read_text().splitlines() == [
        'download anyio==4',
        'install setuptools==1',
        'install setuptools==1 anyio==4',
    ]
    assert list(work.iterdir()) == []


def test_nothing_lacking_is_no_download(pip):
    lock = write_lock(pip, 'setuptools==1')
    python_packages.download_packages(Log(pip / 'log'), pip / '.venv', lock, pip / 'work')
    assert not (pip / 'calls').exists()


def test_newer_build_tools_come_beside_the_environment_until_all_is_downloaded(pip):
    lock = write_lock(pip, 'setuptools==2', 'anyio==4')
    python_packages.download_packages(Log(pip / 'log'), pip / '.venv', lock, pip / 'work')
    assert (pip / 'calls').read_text().splitlines() == [
        'download setuptools==2',
        'install setuptools==2',
        'download tools setuptools==2 anyio==4',
    ]


def test_a_download_that_fails_is_told_by_its_reason_and_leaves_nothing(pip):
    (pip / 'fails').write_text('download')
    lock = write_lock(pip, 'anyio==4')
    with pytest.raises(SetupError, match='index cannot be reached'):
        python_packages.download_packages(Log(pip / 'log'), pip / '.venv', lock, pip / 'work')
    assert (pip / 'calls').read_text().splitlines() == ['download anyio==4']
    assert list((pip / 'work').iterdir()) == []
