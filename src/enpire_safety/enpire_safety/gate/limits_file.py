"""How a file of limits is read: strictly; errors name file, key, what was expected and what came. Pure."""

import math

import yaml

from enpire_core.words import nearest


class LimitsError(ValueError):
    """A limits file is wrong; the text names file, key, what was expected and what came."""


class _Strict(yaml.SafeLoader):
    """Refuses a key that stands twice: plain YAML would take the last one silently."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise LimitsError(f'line {key_node.start_mark.line + 1}: key {key!r} stands twice')
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path):
    """Return the content of a YAML file; LimitsError where it is no YAML or has a key twice."""
    with open(path, encoding='utf-8') as handle:
        try:
            return yaml.load(handle, _Strict)  # noqa: S506 (a safe loader)
        except (yaml.YAMLError, LimitsError, TypeError) as error:
            raise LimitsError(f'{path}: {error}') from error


def check_keys(data, known, where, every=False, more=()):
    """Check that ``data`` has no other keys than ``known`` and ``more``; with ``every``, all of ``known``."""
    if not isinstance(data, dict):
        raise LimitsError(f'{where}: expected a mapping with {", ".join(known)}, got {data!r}')
    for key in data:
        if key not in known and key not in more:
            raise LimitsError(f'{where}: unknown key {key!r}; {nearest(key, (*known, *more), cutoff=0.4)}')
    missing = [key for key in known if key not in data] if every else []
    if missing:
        raise LimitsError(f'{where}: {", ".join(missing)} missing')


def check_sources(data, known, where, more=()):
    """Check that each of ``known`` has a source in ``data``: a text that says where the value comes from."""
    check_keys(data, known, where, every=True, more=more)
    for name, source in data.items():
        if not isinstance(source, str) or not source.strip():
            raise LimitsError(f'{where}.{name}: expected where the value comes from, got {source!r}')


def number(value, where, *, positive=False, at_least=-math.inf):
    """Return ``value`` as a finite float; LimitsError where it is none, or not as large as it must be."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise LimitsError(f'{where}: expected a finite number, got {value!r}')
    if positive and not value > 0:
        raise LimitsError(f'{where}: expected more than 0, got {value}')
    if not value >= at_least:
        raise LimitsError(f'{where}: expected {at_least:g} or more, got {value}')
    return float(value)


def numbers(values, count, where):
    """Return ``values``, a list of ``count`` finite numbers, as floats; LimitsError otherwise."""
    if not isinstance(values, list) or len(values) != count:
        raise LimitsError(f'{where}: expected a list of {count} numbers, got {values!r}')
    return tuple(number(value, where) for value in values)


def interval(values, where):
    """Return ``values``, a list [lower, upper], as two floats with lower < upper; LimitsError otherwise."""
    lower, upper = numbers(values, 2, where)
    if not lower < upper:
        raise LimitsError(f'{where}: expected lower < upper, got {lower} .. {upper}')
    return lower, upper
