"""Tables made from the code: `python -m enpire_safety.readme README.md [LIMITS.yaml]`.

In this package's README those of parameters and rules; in docs/safety.md those of rules and of the robot's limits, for
which the robot's file is named, too.
"""

import pathlib
import sys

from enpire_core.params import markdown_table, replace_table
from enpire_safety.gate import rules, station_limits
from enpire_safety.gate.limits_file import read_yaml
from enpire_safety.gate_parameters import GateParameters

_OF_JOINTS = ('velocity', 'acceleration', 'jump', 'effort', 'measured_velocity')


def with_tables(text, limits_file=None):
    """Return ``text`` with each table that it has a place for as the code (and ``limits_file``) has it."""
    tables = {'parameters': markdown_table(GateParameters), 'rules': rules.markdown_table()}
    if limits_file is not None:
        tables['limits'] = limits_table(read_yaml(limits_file))
    for name, table in tables.items():
        if f'<!-- {name} -->' in text:
            text = replace_table(text, name, table)
    return text


def limits_table(data):
    """Return the limits in the mapping of a robot's file, with their sources, as a Markdown table."""
    lines = ['| limit | of | value | unit | source |', '|---|---|---|---|---|']
    for kind, joint in data['joints'].items():
        low, high = joint['position']
        rows = [('position', f'{low:g} .. {high:g}, asked for {joint["soft_margin"]:g} inside', joint['unit'])]
        rows += [(name, f'{joint[name]:g}', _unit(name, joint['unit'])) for name in _OF_JOINTS]
        lines += [f'| {name} | {kind} | {value} | {unit} | {joint["source"][name]} |' for name, value, unit in rows]
    station = data['station']
    box = '; '.join(f'{axis} {station["workspace"][axis][0]:g} .. {station["workspace"][axis][1]:g}'
                    for axis in station_limits.AXES)
    lines.append(f'| workspace | each tool | {box} | m | {station["source"]["workspace"]} |')
    lines += [f'| {name} | station | {station[name]:g} | {unit} | {station["source"][name]} |'
              for name, (unit, _) in station_limits.NUMBERS.items()]
    lines.append(f'| keep_out | station | {", ".join(station["keep_out"])} | | {station["source"]["keep_out"]} |')
    power = data['power']
    lines += [f'| {name[:-2]} | power cut by the driver | {power[name]:g} | s | {power["source"][name]} |'
              for name in ('runaway_s', 'blind_s')]
    return '\n'.join(lines) + '\n'


def _unit(name, unit):
    ends = {'velocity': '/s', 'measured_velocity': '/s', 'acceleration': '/s2', 'jump': ''}
    return {'rad': 'Nm', 'm': 'N'}[unit] if name == 'effort' else unit + ends[name]


if __name__ == '__main__':
    path = pathlib.Path(sys.argv[1])
    path.write_text(with_tables(path.read_text(encoding='utf-8'), *sys.argv[2:3]), encoding='utf-8')
