"""The README: parameter tables as the code has them, every key and every command of it."""

import pathlib
import re
import shlex

import pytest
from typer.testing import CliRunner

from enpire_bringup import lab, lab_campaign
from enpire_bringup.cli import make_app
from enpire_core.params import markdown_table, table_in

README = pathlib.Path(__file__).resolve().parents[1] / 'README.md'


def test_every_key_of_the_lab_file_is_in_the_readme_and_no_other():
    rows = README.read_text().split('| key |')[1].split('\n\n')[0]
    assert re.findall(r'^\| `(\w+)` \|', rows, re.M) == list(lab.Lab.model_fields)


def test_every_key_of_a_campaign_is_in_the_readme_and_no_other():
    rows = README.read_text().split('| key below `campaign` |')[1].split('\n\n')[0]
    firsts = [line.split(' | ')[0] for line in rows.splitlines() if line.startswith('| `')]
    named = re.findall(r'`(\w+)`', '\n'.join(firsts))
    assert sorted(named) == sorted(lab_campaign.Campaign.model_fields)


@pytest.mark.parametrize('name', ['lab_view', 'operator_hook'])
def test_the_parameter_tables_are_those_of_the_code(name):
    pytest.importorskip('rclpy')
    pytest.importorskip('enpire_interfaces.msg')
    if name == 'lab_view':
        from enpire_bringup.view.lab_view_node import ViewParameters as parameters
    else:
        from enpire_bringup.operator_hook_node import HookParameters as parameters
    assert table_in(README.read_text(), name) == markdown_table(parameters)


def test_every_option_in_the_readme_exists():
    lines = re.findall(r'^    (enpire .*?)(?: +#.*)?$', README.read_text(), re.M)
    assert len(lines) >= 9
    for line in lines:
        words = shlex.split(line)
        text = CliRunner().invoke(make_app(), [words[1], '--help']).output
        for option in (word for word in words if word.startswith('--')):
            assert option in text, line
