"""What a policy declares that may vary. Read from its source, which is never executed. Pure.

    VARY = {
        'CONTENT_M': {'low': 0.0005, 'high': 0.008, 'log': True, 'helps': ['near', 'beside']},
        'CHOOSE': {'options': ['alternate', 'larger_error', 'planned'], 'helps': ['far', 'turned']},
        'LOOK_AHEAD': {'low': 1, 'high': 9, 'when': {'CHOOSE': ['planned']}},
    }

Each name is assigned once, at the top level of the same file, one number or text: the value in force. 'helps': classes
of failure (`failures.CLASSES`) that it may cure. 'when': the strategy blocks that have to be in force, and which of
their options, for the value to matter. 'about': one phrase for people on what it is.

Not covered: whether the file reads its names at all, and whether it knows each option.
"""

import ast
import math
from dataclasses import dataclass

from enpire_core.words import cut, nearest
from enpire_research.agents.builtin.failures import CLASSES
from enpire_research.agents.builtin.toplevel import is_literal, is_number, line_offsets, module_names

NAME = 'VARY'
NUMBER_KEYS = ('low', 'high', 'log', 'helps', 'when', 'about')
BLOCK_KEYS = ('options', 'helps', 'when', 'about')
# Values are written with this many significant digits, more where the range is narrow.
DIGITS = 4


class SpaceError(ValueError):
    """A policy's declaration can't be used. The text has each mistake on a line of its own, ``problems`` as a tuple."""

    def __init__(self, problems):
        self.problems = tuple(problems)
        super().__init__('\n'.join(self.problems))


@dataclass(frozen=True)
class Literal:
    """Where a value stands: ``line`` from 1, and the bytes [start, end) of the file in UTF-8."""

    line: int
    start: int
    end: int


@dataclass(frozen=True)
class Number:
    """A number that may vary, strictly between ``low`` and ``high``; a whole one where ``integer``."""

    name: str
    value: float
    low: float
    high: float
    log: bool
    integer: bool
    helps: tuple
    when: tuple
    about: str
    at: Literal

    @property
    def centres(self):
        """The middles of the range: by halves, and by the geometric mean where there is one."""
        middle = (self.low + self.high) / 2
        return (middle, math.sqrt(self.low) * math.sqrt(self.high)) if self.low > 0 else (middle,)

    def share(self, value):
        """Return where in the range a value lies, 0 to 1, by its logarithm where ``log``."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def at_share(self, share):
        """Return the value (not rounded) at ``share`` of the range; the inverse of `share`."""
        if self.log:
            return self.low * (self.high / self.low) ** share
        return self.low + (self.high - self.low) * share

    def allows(self, value):
        """Return True for a value to try: between the bounds, not in the middle, not the one in force."""
        return (self.low < value < self.high and value != self.value
                and not any(math.isclose(value, centre, rel_tol=1e-9) for centre in self.centres))

    def rounded(self, value):
        """Return ``value`` as it is written: whole, or with as many digits as the range needs, four at least."""
        if self.integer:
            return int(round(value))
        step, digits = (self.high - self.low) / 200, DIGITS
        if value != 0:
            digits = max(digits, math.ceil(math.log10(abs(value) / step)) + 1)
        return float(f'{value:.{min(digits, 17)}g}')


@dataclass(frozen=True)
class Block:
    """A choice among strategy blocks of the file, by name."""

    name: str
    value: str
    options: tuple
    helps: tuple
    when: tuple
    about: str
    at: Literal

    @property
    def others(self):
        """The options that are not in force."""
        return tuple(option for option in self.options if option != self.value)


@dataclass(frozen=True)
class Space:
    """All that a policy declares, in its order."""

    knobs: tuple

    @property
    def values(self):
        """{name: value in force}."""
        return {knob.name: knob.value for knob in self.knobs}

    @property
    def blocks(self):
        """The strategy blocks."""
        return tuple(knob for knob in self.knobs if isinstance(knob, Block))

    @property
    def numbers(self):
        """The numbers."""
        return tuple(knob for knob in self.knobs if isinstance(knob, Number))

    def knob(self, name):
        """Return the knob of that name; KeyError where there is none."""
        return next((knob for knob in self.knobs if knob.name == name), None) or _missing(name)

    def active(self, name, values):
        """Return True where a knob matters under ``values`` {name: value}; its blocks must matter, too."""
        return all(values[block] in options and self.active(block, values) for block, options in self.knob(name).when)


def _missing(name):
    raise KeyError(name)


def read(source):
    """Return the Space that the text ``source`` of a policy declares; SpaceError has all that is wrong with it."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise SpaceError([f'line {error.lineno or 0}: expected a Python file, got one that does not parse: '
                          f'{error.msg}']) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise SpaceError([f'line 0: expected a Python file, it does not parse: {error}']) from error
    return _Reader(source, tree).space()


class _Reader:
    def __init__(self, source, tree):
        self._problems, self._offsets = [], line_offsets(source)
        self._literals, self._bound = module_names(tree)

    def space(self):
        """Return the Space, or raise all that was found."""
        table = self._table()
        knobs = [self._knob(name, node, spec) for name, node, spec in table]
        if not self._problems:
            self._check_when(knobs)
        if self._problems:
            raise SpaceError(text for _, text in sorted(self._problems, key=lambda problem: problem[0]))
        return Space(tuple(knobs))

    def _say(self, node, text):
        self._problems.append((node.lineno if isinstance(node, ast.AST) else node, f'line {_line(node)}: {text}'))

    # ---- the table -------------------------------------------------------------------------
    def _table(self):
        """Return [(name, node of the name, {key: node})] of VARY."""
        lines = self._bound.get(NAME, [])
        if not lines:
            raise SpaceError([f'line 0: expected {NAME} = {{...}} at the top level, there is none: this policy '
                              'declares nothing to vary, so the built-in researcher has nothing to search; declare '
                              "numbers with 'low' and 'high' and strategy blocks with 'options' "
                              '(enpire_research/README.md)'])
        node = self._literals.get(NAME)
        if len(lines) > 1:
            raise SpaceError([f'line {lines[1]}: expected one assignment of {NAME}, got {len(lines)} (lines '
                              f'{_listed(lines)}): keep one'])
        if not isinstance(node, ast.Dict):
            raise SpaceError([f'line {lines[0]}: expected {NAME} to be one literal {{name: {{...}}}}, got '
                              f'{_shown(node)}: write it out, it is read without running the file'])
        if not node.keys:
            raise SpaceError([f'line {node.lineno}: expected at least one name in {NAME}, got none: this policy '
                              'declares nothing to vary'])
        found = []
        for name, key, value in self._items(node, NAME):
            if not isinstance(value, ast.Dict):
                self._say(value, f"{name}: expected {{'low': ..., 'high': ...}} or {{'options': [...]}}, got "
                          f'{_shown(value)}')
                continue
            found.append((name, key, {inner: (inner_key, node) for inner, inner_key, node in self._items(value, name)}))
        return found

    def _items(self, node, what):
        seen = set()
        for key, value in zip(node.keys, node.values):
            name = key.value if isinstance(key, ast.Constant) else None
            if not isinstance(name, str):
                self._say(key or node, f'{what}: expected keys that are texts, got {_shown(key)}')
            elif name in seen:
                self._say(key, f'{what}: expected {name!r} once, it is there twice: remove one')
            else:
                seen.add(name)
                yield name, key, value

    # ---- one knob --------------------------------------------------------------------------
    def _knob(self, name, node, spec):
        before = len(self._problems)
        if 'options' not in spec and not {'low', 'high'} & set(spec):
            self._say(node, f"{name}: expected 'low' and 'high' for a number or 'options' for strategy blocks, got "
                      f'{_listed(spec) or "nothing"}')
            return None
        keys = BLOCK_KEYS if 'options' in spec else NUMBER_KEYS
        for key, (place, _) in spec.items():
            if key not in keys:
                self._say(place, f'{name}: expected keys out of {_listed(keys)}, got {cut(key)!r}; '
                          f'{nearest(key, keys)}')
        value = self._in_force(name, node)
        common = {'helps': self._helps(name, spec), 'when': self._when(name, spec), 'about': self._about(name, spec)}
        make = self._block if 'options' in spec else self._number
        knob = make(name, node, spec, value, common)
        return knob if len(self._problems) == before else None

    def _in_force(self, name, node):
        """Return the node of the one literal that is assigned to ``name``, or None with a word about it."""
        lines = self._bound.get(name, [])
        if not name.isidentifier():
            self._say(node, f'{name!r}: expected a name of this file')
        elif not lines:
            known = [other for other, value in self._literals.items() if is_literal(value)]
            self._say(node, f'{name}: expected an assignment at the top level of this file, there is none: add '
                      f'{name} = <value>, or take one that is there; {nearest(name, known)}')
        elif len(lines) > 1:
            self._say(lines[1], f'{name}: expected one assignment, got {len(lines)} (lines {_listed(lines)}): only one '
                      'place can be edited')
        else:
            value = self._literals.get(name)
            if is_literal(value):
                return value
            self._say(value or lines[0], f'{name}: expected one number or text alone, as {name} = 0.5, got '
                      f'{_shown(value)}: write the value out (no sums, calls or several names)')
        return None

    def _number(self, name, node, spec, value_node, common):
        low, high = (self._bound_of(name, node, spec, key) for key in ('low', 'high'))
        log = self._plain(name, spec, 'log', False, bool, 'True or False')
        if value_node is None or low is None or high is None or log is None:
            return None
        value = ast.literal_eval(value_node)
        if not is_number(value):
            self._say(value_node, f'{name}: expected a number, as its range is one of numbers, got {value!r}')
            return None
        integer = isinstance(value, int)
        if integer and not (isinstance(low, int) and isinstance(high, int)):
            self._say(node, f'{name}: expected whole bounds for the whole number {value}, got {low!r} to {high!r}: '
                      f'write {name} = {value}.0, or whole bounds')
            return None
        knob = Number(name, value, low, high, log, integer, at=self._place(value_node), **common)
        self._check_range(knob, spec['low'][1], value_node)
        return knob

    def _check_range(self, knob, node, value_node):
        name, low, high = knob.name, knob.low, knob.high
        if not low < high:
            self._say(node, f"{name}: expected 'low' under 'high', got {low!r} and {high!r}: "
                      + ('swap them' if low > high else 'widen the range'))
        elif knob.log and not low > 0:
            self._say(node, f"{name}: expected a 'low' above 0 with 'log': True, got {low!r}: raise it, or leave 'log' "
                      'away')
        elif not low < knob.value < high:
            self._say(value_node, f'{name}: expected a value strictly between {low!r} and {high!r}, got '
                      f'{knob.value!r}: widen the range, or change the value')
        elif knob.integer and high - low < 100 and not any(map(knob.allows, range(low, high))):
            self._say(node, f'{name}: expected a whole number to try between {low} and {high} besides {knob.value} and '
                      'the middle, there is none: widen the range')
        elif not knob.integer and not high - low > 1e-9 * max(abs(low), abs(high)):
            self._say(node, f'{name}: expected a range that is wider than rounding, got {low!r} to {high!r}: widen it')

    def _bound_of(self, name, node, spec, key):
        if key not in spec:
            self._say(node, f'{name}: expected {key!r} too, it is not there: a number needs both bounds')
            return None
        value = self._plain(name, spec, key, None, (int, float), 'a finite number')
        if value is not None and not is_number(value):
            self._say(spec[key][1], f'{name}: expected a finite number as {key!r}, got {value!r}')
            return None
        return value

    def _block(self, name, node, spec, value_node, common):
        options = self._texts(name, 'options', spec['options'][1])
        if options is None:
            return None
        place = spec['options'][1]
        if len(set(options)) < len(options):
            self._say(place, f'{name}: expected each option once, got {_listed(options)}')
        if len(set(options)) < 2:
            self._say(place, f'{name}: expected two options or more, got {len(set(options))}')
        if any(not option or not option.isprintable() for option in options):
            self._say(place, f'{name}: expected options that are printable texts, got {options!r}')
        if value_node is None:
            return None
        value = ast.literal_eval(value_node)
        if value not in options:
            self._say(value_node, f'{name}: expected a value out of its options {_listed(options)}, got {value!r}: add '
                      'it to them, or change it')
            return None
        return Block(name, value, tuple(options), at=self._place(value_node), **common)

    # ---- what both have --------------------------------------------------------------------
    def _plain(self, name, spec, key, default, types, words):
        if key not in spec:
            return default
        node = spec[key][1]
        value = ast.literal_eval(node) if is_literal(node) or isinstance(node, ast.Constant) else None
        if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
            self._say(node, f'{name}: expected {words} as {key!r}, got {_shown(node)}')
            return None
        return value

    def _texts(self, name, key, node):
        good = isinstance(node, (ast.List, ast.Tuple))
        wrong = [item for item in node.elts if not (isinstance(item, ast.Constant) and isinstance(item.value, str))
                 ] if good else [node]
        for item in wrong:
            self._say(item, f'{name}: expected a list of texts as {key!r}, got {_shown(item)}')
        return None if wrong else [item.value for item in node.elts]

    def _helps(self, name, spec):
        found = (self._texts(name, 'helps', spec['helps'][1]) or []) if 'helps' in spec else []
        for word in found:
            if word not in CLASSES:
                self._say(spec['helps'][1], f"{name}: expected classes of failure in 'helps' out of "
                          f'{_listed(CLASSES)}, got {cut(word)!r}; {nearest(word, CLASSES)}')
        return tuple(dict.fromkeys(found))

    def _when(self, name, spec):
        if 'when' not in spec:
            return ()
        node = spec['when'][1]
        if not isinstance(node, ast.Dict):
            self._say(node, f"{name}: expected 'when' as {{block: [options]}}, got {_shown(node)}")
            return ()
        return tuple((block, tuple(self._texts(name, 'when', value) or ()))
                     for block, _, value in self._items(node, f"{name}: 'when'"))

    def _about(self, name, spec):
        text = self._plain(name, spec, 'about', '', str, 'a text of one line') or ''
        if not text.isprintable():
            self._say(spec['about'][1], f"{name}: expected one line as 'about', got several")
        return text.strip()

    def _place(self, node):
        return Literal(node.lineno, self._offsets[node.lineno - 1] + node.col_offset,
                       self._offsets[node.end_lineno - 1] + node.end_col_offset)

    def _check_when(self, knobs):
        """Each 'when' names a block that comes before, so that there is no circle."""
        known = {}
        for knob in knobs:
            for block, options in knob.when:
                if block not in known:
                    self._say(knob.at.line, f"{knob.name}: expected 'when' to name a block that {NAME} declares before "
                              f'it, got {block!r}' + (f'; before it are {_listed(known)}' if known else ''))
                elif not options or not set(options) <= set(known[block]):
                    self._say(knob.at.line, f"{knob.name}: expected options of {block} in 'when' out of "
                              f'{_listed(known[block])}, got {_listed(options) or "none"}')
            if isinstance(knob, Block):
                known[knob.name] = knob.options


def _line(node):
    return node.lineno if isinstance(node, ast.AST) else node


def _listed(names):
    return ', '.join(str(name) for name in names)


def _shown(node):
    return 'nothing' if node is None else cut(ast.unparse(node))
