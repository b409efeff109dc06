"""The tables in the README are what the code says."""

import pathlib

from enpire_safety.gate import rules
from enpire_safety.gate_parameters import GateParameters
from enpire_safety.gate.rule import Settings
from enpire_safety.readme import with_tables

README = pathlib.Path(__file__).resolve().parents[1] / 'README.md'


def test_the_tables_of_parameters_and_rules_are_up_to_date():
    text = README.read_text(encoding='utf-8')
    assert with_tables(text) == text, 'run: python -m enpire_safety.readme README.md'
    assert all(f'`{rule.name}`' in text for rule in rules.ALL_RULES)


def test_the_cores_own_defaults_are_those_of_the_parameters():
    made = GateParameters(robot_limits='a', run_dir='b', simulated=True)
    assert made.settings == Settings()
