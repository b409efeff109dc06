"""The tables in the README are what the code says."""

import pathlib

from enpire_safety.gate import rules
from enpire_safety.gate_parameters import GateParameters
from enpire_safety.gate.rule import Settings
from enpire_safety.readme import with_tables

from .helpers import SHIPPED

README = pathlib.Path(__file__).resolve().parents[1] / 'README.md'
SAFETY = pathlib.Path(__file__).resolve().parents[3] / 'docs' / 'safety.md'


def test_the_tables_of_parameters_and_rules_are_up_to_date():
    text = README.read_text(encoding='utf-8')
    assert with_tables(text) == text, 'run: python -m enpire_safety.readme README.md'
    assert all(f'`{rule.name}`' in text for rule in rules.ALL_RULES)


def test_the_tables_of_rules_and_limits_in_the_page_about_safety_are_up_to_date():
    text = SAFETY.read_text(encoding='utf-8')
    assert with_tables(text, SHIPPED) == text, 'run: python -m enpire_safety.readme docs/safety.md .../limits/yam.yaml'
    assert '| contact_force | station | 20 | N |' in text


def test_the_cores_own_defaults_are_those_of_the_parameters():
    made = GateParameters(robot_limits='a', run_dir='b', simulated=True)
    assert made.settings == Settings()
