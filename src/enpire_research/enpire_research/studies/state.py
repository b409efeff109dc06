"""The state of the code: a hash over the sources that figures depend on. Figures are kept under it.

Comments, docstrings and blank lines of Python files don't count, nor do pages (.md): else each sentence that
is mended would orphan figures that took hours. Everything else does, down to a line that is broken elsewhere.
It is made of sources alone, so that it is the same on every machine and every Python that we support.

Not covered: versions of libraries (setup/lock) and of Python, the processor, and for the bench the supervisor,
which lies in a package that this one may not import.
"""

import ast
import hashlib
import io
import os
import tokenize

import enpire_core
import enpire_drivers
import enpire_policy
import enpire_research
import enpire_safety
import enpire_tasks
from enpire_description import share_path

_SKIPPED_FOLDERS = ('__pycache__',)
_SKIPPED_ENDS = ('.md', '.pyc')
_DATA = ('config', 'limits', 'mjcf', 'meshes')

# What a trial in the direct runner never comes through. A new file counts until it is named here.
GRAPH_OF_CORE = ('conversions.py', 'goals.py', 'main.py', 'node.py', 'params.py', 'qos.py', 'room.py', 'testing.py')
GRAPH_OF_TRIALS = ('graph_station.py', 'libraries.py', 'manifest.py', 'outbox.py', 'replay.py')
# What a lab that is measured never comes through.
BESIDE_THE_BENCH = ('studies', 'campaign/audit', 'replay_lab.py', 'trial_runner_node.py', 'trial_runner_parameters.py',
                    'bench/page.py', 'bench/progress.py', 'bench/results.py', 'bench/table.py', 'trials/replay.py')


def study_state(task, *measures):
    """Return the SHA-256 (hex) over what a study of ``task`` by the direct runner depends on.

    ``measures``: paths of the modules that say what is measured. The start policy is left out: rows of a policy
    bear the hash of that policy.
    """
    core, drivers, safety = map(_folder, (enpire_core, enpire_drivers, enpire_safety))
    return digest({
        **_of_task(task), 'core': (core, GRAPH_OF_CORE), 'sim': (os.path.join(drivers, 'sim'), ()),
        'arm': (os.path.join(drivers, 'arm'), ()), 'gate': (os.path.join(safety, 'gate'), ()),
        'trials': (os.path.join(_folder(enpire_research), 'trials'), GRAPH_OF_TRIALS),
        **{f'measure/{os.path.basename(path)}': (path, ()) for path in measures}})


def bench_state(task):
    """Return the SHA-256 (hex) over what speed and memory of a lab of ``task`` depend on."""
    packages = {module.__name__: (_folder(module), ()) for module in (enpire_core, enpire_drivers, enpire_safety)}
    return digest({**_of_task(task), **packages, 'research': (_folder(enpire_research), BESIDE_THE_BENCH)})


def _folder(module):
    return os.path.dirname(os.path.abspath(module.__file__))


def _of_task(task):
    shared = {f'enpire_tasks/{name}': (os.path.join(_folder(enpire_tasks), name), ())
              for name in ('protocols.py', 'types.py')}
    data = {f'description/{name}': (str(share_path(name)), ()) for name in _DATA}
    return {'task': (task.folder, (os.path.relpath(task.start_policy, task.folder),)), **shared, **data,
            'policy': (_folder(enpire_policy), ())}


def digest(parts):
    """Return the SHA-256 (hex) over ``parts``: {name: (path of a folder or file, relative paths left out)}.

    ValueError for a path that is not there; also for one that is left out: renamed, it would count unnoticed.
    """
    found = hashlib.sha256()
    for name, (path, left_out) in sorted(parts.items()):
        if not os.path.exists(path):
            raise ValueError(f'{name}: expected a file or folder {path}, there is none: build the workspace again')
        for one in left_out:
            if not os.path.exists(os.path.join(path, one)):
                raise ValueError(f'{name}: expected {one} in {path}, to leave it out, there is none: name it as it is '
                                 'called now')
        for each in _files(path, left_out):
            relative = os.path.relpath(each, path)
            found.update(f'{name}:{relative}:{hashlib.sha256(_bytes(each)).hexdigest()}\n'.encode())
    return found.hexdigest()


def _files(path, left_out):
    if os.path.isfile(path):
        return [path]
    paths = []
    for base, folders, names in os.walk(path):
        for kind in (folders, names):
            kind[:] = sorted(one for one in kind if os.path.relpath(os.path.join(base, one), path) not in left_out)
        folders[:] = [one for one in folders if one not in _SKIPPED_FOLDERS]
        paths += [os.path.join(base, one) for one in names if not one.endswith(_SKIPPED_ENDS)]
    return paths


def _bytes(path):
    with open(path, 'rb') as handle:
        found = handle.read()
    return bare(found.decode()).encode() if path.endswith('.py') else found


def bare(source):
    """Return Python ``source`` without comments, docstrings and blank lines; strings keep all of theirs.

    By cutting, not by printing the syntax tree: that looks different from one Python to the next.
    """
    lines = source.split('\n')
    commented, inside = set(), set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
            commented.add(row)
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and node.end_lineno > node.lineno:
            inside.update(range(node.lineno, node.end_lineno))
    for node in _docstrings(tree):
        first, last = node.lineno, node.end_lineno
        before = lines[first - 1].encode()[:node.col_offset].decode()
        after = lines[last - 1].encode()[node.end_col_offset:].decode()
        lines[first - 1:last] = [before + after] + [''] * (last - first)
        inside.difference_update(range(first, last))
    kept = [line if row in inside and row not in commented else line.rstrip() for row, line in enumerate(lines, 1)]
    return '\n'.join(line for row, line in enumerate(kept, 1) if line or row in inside and row not in commented)


def _docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(
                    first.value.value, str):
                yield first
