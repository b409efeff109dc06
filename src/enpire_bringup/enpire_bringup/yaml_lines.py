"""YAML with the line of every key, so that an error can name it. Pure."""

import yaml


class YamlError(ValueError):
    """A file is not YAML, not a mapping, or has a key twice; the text has file and line."""


def parse(text, file):
    """Return (mapping, lines) of a YAML text.

    ``lines`` maps a path of keys and list indices, for example ('cameras', 'top_camera'), to the line
    (from 1) where it begins; () is the whole text. ``file`` is what errors call it.
    Not covered: anchors and tags beyond plain YAML (tags are refused by the safe loader).
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f'{file}, line {mark.line + 1}' if mark else file
        raise YamlError(f'{where}: expected YAML, got: {error.problem or error.context}') from error
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


def _walk(node, path, lines, file):
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = path + (key.value,)
            line = key.start_mark.line + 1
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
