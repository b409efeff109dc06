"""What the top level of a Python file assigns, and where. Pure; the file is never executed."""

import ast
import math


def line_offsets(source):
    """Return the offset in UTF-8 bytes of each line of ``source``, as ast counts lines."""
    offsets, data = [0], source.encode()
    for at, byte in enumerate(data):
        if byte == 10 or (byte == 13 and data[at + 1:at + 2] != b'\n'):
            offsets.append(at + 1)
    return offsets


def module_names(tree):
    """Return ({name: node of what is assigned to it}, {name: lines on which it is bound}) of the module's scope.

    The first has only plain assignments to one name at the top level; the second also imports, functions, loops,
    what stands under `if`, and `global` names that a function assigns.
    """
    literals, bound = {}, {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, 'target', None)]
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and len(targets) == 1 and isinstance(targets[0], ast.Name):
            literals[targets[0].id] = node.value
    shared = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    for name, line in _bindings(tree.body, shared, True):
        bound.setdefault(name, []).append(line)
    return literals, {name: sorted(lines) for name, lines in bound.items()}


def _bindings(nodes, shared, module):
    """Yield (name, line) of all that binds a module's name: at its level, or by `global` in a function."""
    for node in nodes:
        inside = module
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if module:
                yield node.name, node.lineno
            inside = False
        elif isinstance(node, ast.alias):
            if module:
                yield (node.asname or node.name).split('.')[0], node.lineno
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            if module or node.id in shared:
                yield node.id, node.lineno
        elif isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            inside = False
        yield from _bindings(ast.iter_child_nodes(node), shared, inside)


def is_literal(node):
    """A number with or without sign, or a text: one piece that can be written over."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return isinstance(node.operand, ast.Constant) and is_number(node.operand.value)
    return isinstance(node, ast.Constant) and (isinstance(node.value, str) or is_number(node.value))


def is_number(value):
    """A finite int or float, no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
