"""Parameters of a node as one frozen dataclass. Pure: `enpire_core.node` declares them on the graph.

    @dataclass(frozen=True)
    class GateParameters:
        state_age_max_s: float = parameter(0.1, 'oldest joint state that a request may answer', ge=0.01, le=1)

Each field has a text; a number has a unit, which its name ends with ('_s' for seconds), or unit='1'
for a plain number. What comes from a file or the command line is refused where the name is unknown
(the nearest known one is named), the type is wrong or the value is out of range (NaN always is).
Not covered: relations between parameters; put them into `__post_init__` as a ValueError.
"""

import dataclasses
import math
import typing

from enpire_core.words import nearest

UNIT_SUFFIXES = {
    's': ('_s',), 'Hz': ('_hz',), 'm': ('_m',), 'rad': ('_rad',), 'm/s': ('_m_s',),
    'rad/s': ('_rad_s',), 'N': ('_n',), 'Nm': ('_nm',), 'deg': ('_deg',), 'px': ('_px',),
    'ns': ('_ns',), 'ms': ('_ms',), 'bytes': ('_bytes',), '1': None,
}
SCALARS = (bool, int, float, str)


class ParameterError(ValueError):
    """A parameter is unknown, missing, of the wrong type or out of range; the text says which."""


@dataclasses.dataclass(frozen=True)
class Rules:
    """What a parameter may be: its text, unit, bounds (inclusive), choices and name on the graph."""

    text: str
    unit: typing.Optional[str] = None
    ge: typing.Optional[float] = None
    le: typing.Optional[float] = None
    choices: tuple = ()
    name: typing.Optional[str] = None


def parameter(default=dataclasses.MISSING, text='', *, unit=None, ge=None, le=None, choices=(), name=None):
    """Return a dataclass field with its rules. Without ``default`` the parameter must be given.

    ``name``: the name on the graph where it differs from the field's (a dot in it, for example).
    """
    if not text:
        raise TypeError('expected a text that explains the parameter')
    return dataclasses.field(default=default, metadata={
        'rules': Rules(text, unit, ge, le, tuple(choices), name)})


def _rules(field):
    rules = field.metadata.get('rules')
    if rules is None:
        raise TypeError(f'expected parameter(...) as the default of {field.name!r}')
    return rules


def graph_name(field):
    """Return the parameter's name on the graph."""
    return _rules(field).name or field.name


def fields_of(cls):
    """Return (field, type, rules) for each parameter of ``cls``; TypeError where the class breaks the rules."""
    hints = typing.get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        rules, kind = _rules(field), hints[field.name]
        numeric = kind in (int, float) or typing.get_args(kind)[:1] in ((int,), (float,))
        if numeric:
            _check_unit(cls, field, rules)
        found.append((field, kind, rules))
    return found


def _check_unit(cls, field, rules):
    unit = rules.unit
    if unit is None:
        unit = next((u for u, ends in UNIT_SUFFIXES.items() if ends and field.name.endswith(ends)), None)
    if unit is None or unit not in UNIT_SUFFIXES:
        raise TypeError(f"{cls.__name__}.{field.name}: expected a name that ends with its unit, or unit='1'; "
                        f'known units: {", ".join(UNIT_SUFFIXES)}')
    ends = UNIT_SUFFIXES[unit]
    if ends and not field.name.endswith(ends):
        raise TypeError(f'{cls.__name__}.{field.name}: expected a name that ends with {ends[0]!r} for {unit}')


def from_mapping(cls, values, where='parameters'):
    """Return a ``cls`` from a mapping of graph names to values; ParameterError names what is wrong.

    ``where`` says in the error where the values came from (a file, a node's name).
    """
    known = {graph_name(field): (field, kind, rules) for field, kind, rules in fields_of(cls)}
    for name in values:
        if name not in known:
            raise ParameterError(f'{where}: unknown parameter {name!r}; {nearest(name, known)}')
    arguments = {}
    for name, (field, kind, rules) in known.items():
        if name in values:
            arguments[field.name] = _converted(where, name, values[name], kind, rules)
        elif field.default is dataclasses.MISSING:
            raise ParameterError(f'{where}: parameter {name!r} is missing ({rules.text}): give it a value')
    try:
        return cls(**arguments)
    except ValueError as error:
        raise ParameterError(f'{where}: {error}') from error


def _converted(where, name, value, kind, rules):
    if kind in SCALARS:
        return _scalar(where, name, value, kind, rules)
    if typing.get_origin(kind) is tuple and typing.get_args(kind)[1:] == (Ellipsis,):
        inner = typing.get_args(kind)[0]
        if isinstance(value, str) or not hasattr(value, '__iter__'):
            raise ParameterError(f'{where}: {name}: expected a list of {inner.__name__}, got {value!r}')
        return tuple(_scalar(where, name, item, inner, rules) for item in value)
    raise TypeError(f'{name}: expected bool, int, float, str or tuple[one of these, ...], got {kind!r}')


def _scalar(where, name, value, kind, rules):
    if kind is float and type(value) is int:
        value = float(value)  # YAML writes 5 for 5.0
    if type(value) is not kind:
        raise ParameterError(f'{where}: {name}: expected {kind.__name__}, got {type(value).__name__} {value!r}')
    if kind in (int, float):
        low = -math.inf if rules.ge is None else rules.ge
        high = math.inf if rules.le is None else rules.le
        if not low <= value <= high:
            raise ParameterError(f'{where}: {name}: expected {_range(rules)}, got {value!r}')
    if rules.choices and value not in rules.choices:
        raise ParameterError(f'{where}: {name}: expected one of {", ".join(map(repr, rules.choices))}, '
                             f'got {value!r}')
    return value


def _range(rules):
    if rules.ge is not None and rules.le is not None:
        return f'{rules.ge} to {rules.le}'
    if rules.ge is not None:
        return f'{rules.ge} or more'
    if rules.le is not None:
        return f'{rules.le} or less'
    return 'a number'


def markdown_table(cls):
    """Return the parameters of ``cls`` as a Markdown table for a README."""
    lines = ['| parameter | type | default | range | meaning |', '|---|---|---|---|---|']
    for field, kind, rules in fields_of(cls):
        default = 'must be given' if field.default is dataclasses.MISSING else f'`{_shown(field.default)}`'
        limits = ', '.join(f'`{c}`' for c in rules.choices)
        if not limits and (rules.ge is not None or rules.le is not None):
            limits = _range(rules)
        lines.append(f'| `{graph_name(field)}` | {_type_name(kind)} | {default} | {limits} | {rules.text} |')
    return '\n'.join(lines) + '\n'


def _shown(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return '[' + ', '.join(map(str, value)) + ']'
    return repr(value) if isinstance(value, str) else str(value)


def _type_name(kind):
    return kind.__name__ if kind in SCALARS else f'list of {typing.get_args(kind)[0].__name__}'


def table_in(text, name):
    """Return what stands in a README's ``text`` between `<!-- name -->` and `<!-- end name -->`.

    A test compares it with `markdown_table`; ValueError where the marks are missing.
    """
    begin, end = f'<!-- {name} -->\n', f'<!-- end {name} -->'
    if begin not in text or end not in text:
        raise ValueError(f'expected the lines {begin.strip()!r} and {end!r} around the table')
    return text.split(begin, 1)[1].split(end, 1)[0]


def replace_table(text, name, table):
    """Return ``text`` with what stands between the marks of ``name`` replaced by ``table``."""
    begin, end = f'<!-- {name} -->\n', f'<!-- end {name} -->'
    table_in(text, name)
    head, rest = text.split(begin, 1)
    return head + begin + table + end + rest.split(end, 1)[1]
