"""The marker: a gate that follows a dead one starts latched."""

import pytest

from enpire_safety.gate import marker


def test_the_first_gate_of_a_run_starts_unlatched_and_so_does_one_after_an_orderly_end(tmp_path):
    assert marker.begin(tmp_path) == ''
    marker.end(tmp_path, '')
    assert marker.begin(tmp_path) == ''


def test_a_gate_after_one_that_died_starts_latched(tmp_path):
    marker.begin(tmp_path)
    assert 'died without a word' in marker.begin(tmp_path)


def test_a_gate_after_one_that_was_stopped_while_latched_starts_latched_with_its_reason(tmp_path):
    marker.begin(tmp_path)
    marker.end(tmp_path, 'operator: smoke')
    assert 'operator: smoke' in marker.begin(tmp_path)


@pytest.mark.parametrize('text', ['', '[]', '{}', '\x00'])
def test_a_marker_that_cannot_be_read_still_latches(tmp_path, text):
    (tmp_path / marker.NAME).write_text(text)
    assert 'cannot be read' in marker.begin(tmp_path)


def test_a_run_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        marker.begin(tmp_path / 'nowhere')
