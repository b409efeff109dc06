"""The tables of this package's README, made from the code: `python -m enpire_safety.readme README.md`."""

import pathlib
import sys

from enpire_core.params import markdown_table, replace_table
from enpire_safety.gate import rules
from enpire_safety.gate_parameters import GateParameters


def with_tables(text):
    """Return the README's ``text`` with the tables of parameters and rules as the code has them."""
    text = replace_table(text, 'parameters', markdown_table(GateParameters))
    return replace_table(text, 'rules', rules.markdown_table())


if __name__ == '__main__':
    path = pathlib.Path(sys.argv[1])
    path.write_text(with_tables(path.read_text(encoding='utf-8')), encoding='utf-8')
