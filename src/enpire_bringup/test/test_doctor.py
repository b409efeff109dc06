"""`enpire doctor`: what it says, and with which exit code."""

import json

import pytest
from enpire_bringup.cli import make_app
from enpire_bringup.commands import doctor
from enpire_safety.sandbox import choice, probe
from typer.testing import CliRunner


def run(*words):
    return CliRunner().invoke(make_app(), ['doctor', *words])


class Sandbox:
    """One that is whole or isn't."""

    name = 'fence'


@pytest.fixture
def fence(monkeypatch):
    """Have one kind of sandbox, of which `probe` finds what is put into the list."""
    findings = []
    monkeypatch.setattr(probe, 'LAUNCHERS', (Sandbox,))
    monkeypatch.setattr(probe, 'probe', lambda launcher: findings)
    return findings


def test_a_sandbox_that_is_whole_is_named_with_what_was_seen_from_inside(fence):
    fence.append(probe.Finding('network', True, 'no way out', 'refused'))
    found = run()
    assert found.exit_code == 0 and 'confined by fence' in found.output and 'fence: network: refused' in found.output
    assert 'kernel' in found.output and 'lab: disk' in found.output


def test_without_one_the_command_that_mends_it_is_printed(fence):
    fence.append(probe.Finding('start', False, 'it starts', 'it does not', 'sudo mend it'))
    found = run()
    assert found.exit_code == 1 and 'to mend it: sudo mend it' in found.output
    assert 'none of it runs' in found.output and 'MISSING  fence: start' in found.output


def test_programs_get_json(fence):
    fence.append(probe.Finding('network', True, 'no way out', 'refused'))
    found = json.loads(run('--json').output)
    assert found['sandbox'] == 'fence' and found['checks'][0] == {
        'about': 'fence', 'name': 'network', 'ok': True, 'expected': 'no way out', 'found': 'refused', 'mend': ''}


def test_what_the_chosen_sandbox_does_not_need_is_not_called_missing():
    checks = [{'about': name, 'name': 'start', 'ok': name == 'a', 'expected': 'x', 'found': 'y', 'mend': ''}
              for name in ('a', 'b')]
    told = doctor.lines({'machine': {'user': '0'}, 'checks': checks, 'sandbox': 'a'})
    assert not any(line.startswith('MISSING') for line in told) and any(line.startswith('lacks') for line in told)


def test_a_lab_is_not_started_without_a_sandbox_and_leaves_nothing(fence, monkeypatch, tmp_path):
    fence.append(probe.Finding('start', False, 'it starts', 'it does not', 'sudo mend it'))
    monkeypatch.chdir(tmp_path)
    choice.launcher.cache_clear()
    try:
        found = CliRunner().invoke(make_app(), ['lab', '--plain'])
    finally:
        choice.launcher.cache_clear()
    assert found.exit_code == 1 and 'The lab was not started' in found.output and 'sudo mend it' in found.output
    assert list(tmp_path.iterdir()) == []
