"""The marker: a gate that follows a dead one starts latched. The lock: one gate a folder."""

import subprocess
import sys

import pytest

from enpire_safety.gate import rules
from enpire_safety.gate.marker import LOCK, NAME, RESTARTED, Marker, Occupied


def dead(folder):
    """Leave behind what a killed gate does."""
    made = Marker(folder)
    made.begin()
    made.close()


def stopped(folder, causes):
    made = Marker(folder)
    made.begin()
    made.end(causes)


def found(folder):
    made = Marker(folder)
    causes = made.begin()
    made.close()
    return causes


def test_the_first_gate_of_a_run_starts_unlatched_and_so_does_one_after_an_orderly_end(tmp_path):
    stopped(tmp_path, [])
    assert not (tmp_path / NAME).exists()
    assert found(tmp_path) == []


def test_a_gate_after_one_that_died_starts_latched(tmp_path):
    dead(tmp_path)
    (rule, text), = found(tmp_path)
    assert rule == RESTARTED == rules.RESTARTED.name and 'died without a word' in text


def test_a_gate_after_one_that_was_stopped_while_latched_starts_latched_with_its_rules_and_reasons(tmp_path):
    stopped(tmp_path, [('operator', 'smoke'), ('measured_position', 'left_joint1')])
    (first, text), *others = found(tmp_path)
    assert first == RESTARTED and 'operator: smoke' in text and 'measured_position' in text
    assert others == [('operator', 'smoke'), ('measured_position', 'left_joint1')]


def test_stopping_and_starting_again_and_again_forgets_nothing_and_adds_nothing(tmp_path):
    stopped(tmp_path, [('operator', 'smoke')])
    made = Marker(tmp_path)
    first = made.begin()
    made.end(first)
    assert found(tmp_path) == first


@pytest.mark.parametrize('text', ['', '[]', '{}', '\x00', '{"causes": 3}', '{"causes": [["a"]]}'])
def test_a_marker_that_cannot_be_read_still_latches(tmp_path, text):
    (tmp_path / NAME).write_text(text)
    (rule, words), = found(tmp_path)
    assert rule == RESTARTED and 'cannot be read' in words


def test_a_run_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        Marker(tmp_path / 'nowhere').begin()


def test_a_second_gate_in_a_folder_is_refused_and_leaves_the_first_ones_marker(tmp_path):
    first = Marker(tmp_path)
    first.begin()
    with pytest.raises(Occupied, match='expected to be the only gate.*stop that one first'):
        Marker(tmp_path).begin()
    first.end([])
    assert found(tmp_path) == []


def test_the_lock_is_not_inherited_by_a_program_that_the_gate_starts(tmp_path):
    made = Marker(tmp_path)
    made.begin()
    child = subprocess.Popen([sys.executable, '-c', 'print("up", flush=True); input()'], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, close_fds=False)
    try:
        assert child.stdout.readline() == b'up\n'  # it runs its own program: only now descriptors are closed
        made.close()
        assert found(tmp_path)[0][0] == RESTARTED  # the folder is free, though the child lives
    finally:
        child.communicate(b'\n')


def test_a_gate_that_could_not_write_its_marker_gives_the_folder_back(tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(OSError):
        Marker(tmp_path).begin()
    (tmp_path / NAME).rmdir()
    assert found(tmp_path) == [] and (tmp_path / LOCK).exists()
