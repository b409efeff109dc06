"""Puts other values into a policy's source, and changes nothing else in it. Pure."""

from enpire_research.agents.builtin import space as spaces


class EditError(ValueError):
    """Values that can't be put in; the text says which, what was expected and what came."""


def written(knob, value):
    """Return the literal for ``value`` as it is put into the file."""
    if isinstance(knob, spaces.Block):
        return repr(value)
    return repr(int(value) if knob.integer else float(value))


def edit(source, changes):
    """Return ``source`` with ``changes`` {name: value} in place of the values in force, the rest byte for byte.

    EditError for a name that is not declared and a value outside of what is declared; SpaceError where ``source``
    declares nothing that can be read.
    """
    space = spaces.read(source)
    pieces = []
    for name, value in changes.items():
        if name not in space.values:
            raise EditError(f'{name}: expected a name out of {", ".join(space.values)}')
        knob = space.knob(name)
        if isinstance(knob, spaces.Block):
            if value not in knob.options:
                raise EditError(f'{name}: expected one of {", ".join(knob.options)}, got {value!r}')
        elif isinstance(value, (bool, str)) or not knob.low < value < knob.high:
            raise EditError(f'{name}: expected a number strictly between {knob.low!r} and {knob.high!r}, got {value!r}')
        elif knob.integer and value != int(value):
            raise EditError(f'{name}: expected a whole number, got {value!r}')
        pieces.append((knob.at, written(knob, value)))
    data = source.encode()
    for at, text in sorted(pieces, key=lambda piece: -piece[0].start):
        data = data[:at.start] + text.encode() + data[at.end:]
    edited = data.decode()
    wanted = {**space.values, **changes}
    if spaces.read(edited).values != wanted:
        raise EditError(f'expected {wanted} after the edit, got {spaces.read(edited).values}')
    return edited
