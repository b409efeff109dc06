"""YAML with the line of every key, so that an error can name it. Pure."""

import yaml


class YamlError(ValueError):
    """A file is not YAML, not a mapping, or has a wrong key or one twice; the text has file and line."""


# A lab file needs three levels; deeper ones would meet Python's own limit somewhere else.
DEEPEST = 20


class _Loader(yaml.SafeLoader):
    """Plain YAML without dates: no key takes one, and as text it is named as it was written."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != 'tag:yaml.org,2002:timestamp']
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}

    def construct_object(self, node, deep=False):
        """Construct it; what looks like a number and is none (`0x_`) gets its line."""
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


def parse(text, file):
    """Return (mapping, lines) of a YAML text.

    ``lines`` maps a path of keys and list indices, for example ('cameras', 'top_camera'), to the line
    (from 1) where it begins; () is the whole text. ``file`` is what errors call it.
    Not covered: aliases, more than DEEPEST levels, and tags: they are refused.
    """
    try:
        _check_shape(text, file)
        root = yaml.compose(text, Loader=_Loader)
        values = yaml.load(text, Loader=_Loader)  # noqa: S506 (a safe loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f'{file}, line {mark.line + 1}' if mark else file
        raise YamlError(f'{where}: expected YAML, got: {error.problem or error.context}') from error
    except yaml.reader.ReaderError as error:
        line = text.count('\n', 0, error.position) + 1
        raise YamlError(f'{file}, line {line}: expected YAML, got the character {chr(error.character)!r}: '
                        f'{error.reason}') from error
    except yaml.YAMLError as error:
        raise YamlError(f'{file}: expected YAML, got: {error}') from error
    if root is None:
        return {}, {(): 1}
    if not isinstance(root, yaml.MappingNode):
        raise YamlError(
            f'{file}, line {root.start_mark.line + 1}: expected keys and values '
            f'(`units: 2`), got {type(values).__name__}'
        )
    lines = {}
    _walk(root, (), lines, file)
    return values, lines


def _check_shape(text, file):
    """Refuse what would not end (an alias inside its own anchor) or go too deep, before it is built."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        where = f'{file}, line {event.start_mark.line + 1}'
        if isinstance(event, yaml.AliasEvent):
            raise YamlError(f'{where}: expected values written out, got the alias *{event.anchor}: '
                            'repeat the value')
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise YamlError(f'{where}: expected at most {DEEPEST} levels of lists and mappings, got more')


def _walk(node, path, lines, file):
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag != 'tag:yaml.org,2002:str':
                raise YamlError(f'{file}, line {line}: expected a name before the colon, got {key.value!r}')
            here = path + (key.value,)
            if here in lines:
                raise YamlError(
                    f'{file}, line {line}: the key {key.value!r} is here a second time '
                    f'(first in line {lines[here]}): keep one'
                )
            lines[here] = line
            _walk(value, here, lines, file)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, path + (index,), lines, file)


def line_of(lines, path):
    """Return the line of ``path``, or of the nearest key above it."""
    path = tuple(path)
    while path not in lines and path:
        path = path[:-1]
    return lines.get(path, 1)
