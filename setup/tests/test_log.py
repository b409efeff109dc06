"""The log and the programs that write into it."""
import os
import sys

import pytest
from enpire_setup.errors import disk_full, is_disk_full, says_disk_full
from enpire_setup.log import Log, plain_environment, progress


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path / 'state' / 'setup.log')
    log.open()
    yield log
    log.close()


def test_a_program_is_logged_with_its_output_and_status(log):
    code = 'import sys; print("out"); print("err", file=sys.stderr); sys.exit(3)'
    outcome = log.run([sys.executable, '-c', code])
    assert outcome.status == 3
    assert sorted(outcome.tail.split()) == ['err', 'out']
    text = log.path.read_text()
    assert 'out\n' in text and 'err\n' in text and '(exit status 3)' in text


def test_output_that_is_no_text_does_not_stop_the_set_up(log):
    outcome = log.run([sys.executable, '-c', 'import os; os.write(1, bytes([255, 10]))'])
    assert outcome.status == 0
    assert outcome.tail == '\ufffd\n'


def test_only_the_end_of_a_long_output_is_kept(log):
    outcome = log.run([sys.executable, '-c', 'print("\\n".join(map(str, range(5000))))'])
    lines = outcome.tail.splitlines()
    assert len(lines) == 400 and lines[-1] == '4999'
    assert '\n0\n' in log.path.read_text()


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='no /dev/full here')
def test_a_log_on_a_full_disk_is_cut_short_and_the_program_still_runs(log):
    log._file.close()
    log._file = open('/dev/full', 'w')
    assert log.run([sys.executable, '-c', 'print("still")']).tail == 'still\n'
    assert log.cut_short


def test_a_stage_is_one_line_with_its_seconds(log, capsys):
    with progress('machine', log):
        pass
    out = capsys.readouterr().out
    assert out.startswith('  machine ... ') and out.endswith(' s\n') and out.count('\n') == 1


def test_a_stage_that_fails_ends_its_line_and_claims_no_seconds(log, capsys):
    with pytest.raises(ValueError), progress('machine', log):
        raise ValueError
    assert capsys.readouterr().out == '  machine ... \n'


def test_an_outer_make_is_not_handed_on():
    env = plain_environment({'MAKEFLAGS': 's', 'PYTHONHOME': '/x', 'HOME': '/h'})
    assert env == {'HOME': '/h', 'PATH': os.defpath}


def test_a_full_disk_is_known_by_number_and_by_words(tmp_path):
    import errno

    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        assert is_disk_full(OSError(number, '')) and says_disk_full(f'x: {os.strerror(number)}')
    assert not is_disk_full(OSError(errno.EACCES, ''))
    assert not says_disk_full('space')
    assert str(tmp_path) in str(disk_full(str(tmp_path)))
