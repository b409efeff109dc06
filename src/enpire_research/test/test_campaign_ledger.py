"""The ledger: one writer, many readers, and what a crash or a hand in the file does to it."""

import json
import os
import subprocess
import sys

import pytest
from enpire_core.room import NoRoom
from enpire_research.campaign import chain
from enpire_research.campaign.ledger import LOCK, NAME, Ledger, LedgerError, LedgerTaken, read
from enpire_research.campaign.records import RecordError
from hypothesis import given
from hypothesis import strategies as st


def write(folder, count=3, begin=0):
    with Ledger.open(str(folder), iter(range(10**6)).__next__) as ledger:
        for i in range(count):
            ledger.append('station', {'unit': 'unit0', 'state': 'out', 'reason': f'for reason {begin + i}'})


@pytest.fixture
def path(tmp_path):
    write(tmp_path)
    return tmp_path / NAME


# ---- the chain -----------------------------------------------------------------------------
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2**63, 2**64) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=6)


@given(VALUES)
def test_what_is_written_is_what_is_read(value):
    record = chain.make(0, 'end', 5, {'value': value}, chain.FIRST)
    line = record.line()
    assert line.count(b'\n') == 1 and line.endswith(b'\n') and line.isascii()
    assert chain.parse(line, 0, chain.FIRST) == record
    assert chain.canonical(json.loads(line)) + b'\n' == line


def test_nan_becomes_null_and_what_json_lacks_is_refused():
    assert chain.canonical({'b': float('nan'), 'a': (1, float('-inf'))}) == b'{"a":[1,null],"b":null}'
    for value in ({1: 2}, {'a': b'x'}, {'a': {1, 2}}):
        with pytest.raises(TypeError, match='expected'):
            chain.canonical(value)


def trial(name, **report):
    return {'trial_id': name, 'rollout_report': {'score': 0.5, **report}}


def digest(*bodies):
    previous, found = chain.FIRST, []
    for n, (kind, body) in enumerate(bodies):
        found.append(chain.make(n, kind, n, body, previous))
        previous = found[-1].hash
    return chain.digest(found)


def test_the_digest_sorts_trials_and_leaves_out_wall_clock_and_stations():
    a, b = ('trial', trial('a', wall_duration_s=1.0, error_msg='<T at 0x7f00aa11bb22>')), ('trial', trial('b'))
    end, out = ('end', {'reason': 'x'}), ('station', {'unit': 'unit0'})
    again = ('trial', trial('a', wall_duration_s=2.0, started_at_ns=7, error_msg='<T at 0x7f00ccccbb22>'))
    assert digest(a, b, end) == digest(b, out, end, again) != digest(a, end)
    assert digest(a, b, end) != digest(a, b, ('end', {'reason': 'y'}))
    assert digest(('decision', {'candidate': 1}), ('decision', {'candidate': 2})) != digest(
        ('decision', {'candidate': 2}), ('decision', {'candidate': 1}))
    assert digest(('candidate', {'tree': 'a', 'commit': 'b'})) == digest(('candidate', {'tree': 'a', 'commit': 'c'}))


# ---- writing and reading -------------------------------------------------------------------
def test_each_record_is_on_the_disk_when_append_returns_and_readers_see_it_meanwhile(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, 'fsync', lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    with Ledger.open(str(tmp_path), lambda: 7) as ledger:
        for count in range(1, 4):
            record = ledger.append('end', {'reason': 'because'})
            assert synced[-1] == os.path.getsize(tmp_path / NAME)
            assert read(str(tmp_path))[-1] == record and len(read(str(tmp_path))) == count
    assert [record.n for record in ledger.records] == [0, 1, 2] and ledger.records[0].previous == chain.FIRST


def test_a_closed_ledger_is_opened_again_where_it_was(tmp_path, path):
    write(tmp_path, 2, begin=3)
    assert [record.body['reason'][-1] for record in read(str(tmp_path))] == list('01234')


def test_what_is_no_record_is_refused_before_anything_is_written(tmp_path, path):
    before = path.read_bytes()
    with Ledger.open(str(tmp_path), lambda: 7) as ledger, pytest.raises(RecordError, match='expected the fields'):
        ledger.append('end', {'why': 'because'})
    assert path.read_bytes() == before


def test_a_second_writer_is_refused_also_from_another_process_and_readers_are_not(tmp_path):
    code = ('import sys; from enpire_research.campaign.ledger import *\n'
            'try: Ledger.open(sys.argv[1], int)\n'
            'except LedgerTaken as error: print(error)\n'
            'print(len(read(sys.argv[1])))')
    with Ledger.open(str(tmp_path), lambda: 7) as ledger:
        ledger.append('end', {'reason': 'because'})
        with pytest.raises(LedgerTaken, match='one research node a campaign'):
            Ledger.open(str(tmp_path), lambda: 7)
        said = subprocess.run([sys.executable, '-c', code, tmp_path], capture_output=True, text=True,
                              env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)})
    assert 'another process does' in said.stdout and said.stdout.endswith('\n1\n'), said.stderr
    Ledger.open(str(tmp_path), lambda: 7).close()


def test_a_killed_writer_leaves_no_lock(tmp_path):
    code = ('import os, signal, sys; from enpire_research.campaign.ledger import *\n'
            'Ledger.open(sys.argv[1], int).append("end", {"reason": "killed"}); os.kill(os.getpid(), signal.SIGKILL)')
    subprocess.run([sys.executable, '-c', code.replace('int)', 'lambda: 7)'), tmp_path],
                   env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)})
    with Ledger.open(str(tmp_path), lambda: 7) as ledger:
        assert ledger.records[0].body['reason'] == 'killed'
    assert LOCK.startswith('ledger.')


# ---- damage --------------------------------------------------------------------------------
@pytest.mark.parametrize('tail', [b'{"n":3,"kind":', b'\x00\x00\x00', b'\x00\x00\n', b'{"n":3\n', b'\xff\xfe'])
def test_a_torn_last_line_is_passed_over_by_readers_and_moved_aside_by_the_writer(tmp_path, path, tail):
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    assert len(read(str(tmp_path))) == 3 and path.read_bytes() == whole + tail
    for k in range(2):
        path.write_bytes(whole + tail)
        with Ledger.open(str(tmp_path), lambda: 7) as ledger:
            assert ledger.torn == [str(tmp_path / f'ledger.torn-{k}')] and len(ledger.records) == 3
        assert (tmp_path / f'ledger.torn-{k}').read_bytes() == tail and path.read_bytes() == whole
    write(tmp_path, 1)
    assert len(read(str(tmp_path))) == 4


def test_a_last_line_that_lacks_only_its_end_is_no_record_yet(tmp_path, path):
    path.write_bytes(path.read_bytes()[:-1])
    assert len(read(str(tmp_path))) == 2
    with Ledger.open(str(tmp_path), lambda: 7) as ledger:
        assert len(ledger.records) == 2 and len(ledger.torn) == 1


@pytest.mark.parametrize('spoil, line, said', [
    (lambda lines: [lines[0].replace(b'reason 0', b'reason 9'), *lines[1:]], 1, 'hash of its content'),
    (lambda lines: [*lines[:2], lines[2].replace(b'reason 2', b'reason 9')], 3, 'hash of its content'),
    (lambda lines: [lines[0], lines[2]], 2, 'expected record 1, got record 2'),
    (lambda lines: lines[1:], 1, 'expected record 0, got record 1'),
    (lambda lines: [lines[0], lines[0], *lines[1:]], 2, 'expected record 1, got record 0'),
    (lambda lines: [lines[0], b'{"n":\n', *lines[1:]], 2, 'expected a JSON object'),
    (lambda lines: [lines[0], b'[]\n', *lines[1:]], 2, 'expected an object with'),
    (lambda lines: [*lines, b'{}\n'], 4, 'expected an object with')])
def test_any_other_damage_is_named_with_its_line_and_nothing_is_changed(tmp_path, path, spoil, line, said):
    data = b''.join(spoil(path.read_bytes().splitlines(keepends=True)))
    path.write_bytes(data)
    for look in (lambda: read(str(tmp_path)), lambda: Ledger.open(str(tmp_path), lambda: 7)):
        with pytest.raises(LedgerError, match=f'line {line}: .*{said}.*new run'):
            look()
    assert path.read_bytes() == data
    path.write_bytes(b'')
    Ledger.open(str(tmp_path), lambda: 7).close()  # the lock was given back


def test_a_full_disk_leaves_no_half_record_and_asks_for_room(tmp_path, path, monkeypatch):
    whole = path.read_bytes()
    ledger = Ledger.open(str(tmp_path), lambda: 7)
    really = os.write

    def half(descriptor, data):
        return really(descriptor, data[:len(data) // 2])
    monkeypatch.setattr(os, 'write', half)
    with pytest.raises(LedgerError, match='room on the disk'):
        ledger.append('end', {'reason': 'because'})
    monkeypatch.undo()
    assert path.read_bytes() == whole
    with pytest.raises(LedgerError, match='open it again'):
        ledger.append('end', {'reason': 'because'})
    write(tmp_path, 1)
    assert len(read(str(tmp_path))) == 4


def test_records_whose_room_is_kept_are_written_on_a_full_disk_and_no_more_is_begun(small_disk):
    folder, fill = small_disk
    with Ledger.open(str(folder / 'campaign'), lambda: 7) as ledger:
        ledger.keep_room()
        fill()
        for _ in range(10):
            ledger.append('end', {'reason': 'x' * 200_000})
        with pytest.raises(NoRoom, match='make room'):
            ledger.keep_room()
        assert len(read(str(folder / 'campaign'))) == 10
    # What was kept and not needed is given back.
    assert os.stat(ledger.path).st_blocks * 512 < 10 * 210_000 and os.statvfs(folder).f_bavail > 0
    with pytest.raises(LedgerError, match='open it again'):
        ledger.keep_room()


def test_a_file_that_somebody_else_writes_into_is_found_out_before_the_next_record(tmp_path, path):
    with Ledger.open(str(tmp_path), lambda: 7) as ledger:
        with open(path, 'ab') as handle:
            handle.write(b'hello\n')
        with pytest.raises(LedgerError, match='somebody else changed the file'):
            ledger.append('end', {'reason': 'because'})


def test_no_ledger_is_said_to_be_none(tmp_path):
    with pytest.raises(LedgerError, match='found none'):
        read(str(tmp_path / 'nowhere'))
    (tmp_path / 'file').write_text('')
    with pytest.raises(LedgerError, match='can be written'):
        Ledger.open(str(tmp_path / 'file' / 'below'), lambda: 7)
