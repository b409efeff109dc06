#!/usr/bin/env python3
"""Break the gate, one place at a time, and look whether a test notices.

    python scripts/break_rules.py [--n 20] [--out ../../docs/results/gate_mutations.json] [--list]

Of the package and its tests a copy is made; in it one place is changed, then the tests that need no ROS are run until
the first one fails. Each rule is broken at least once: one with a check of its own never objects (`disabled`), one
that the core watches is never said (`unsaid`). Then, in all rules and in what they decide by, each comparison is
turned round (`turned`), each sum becomes a difference and the other way round (`sign`), and each `and` an `or` (`or`).
A change that no test notices survived: rule or test is wrong, or the change makes no difference, which a person has
to say (EQUIVALENT). ``--n``: so many of those that the file doesn't have for the code as it is. Exit code 1 where one
survived.
"""

import argparse
import ast
import copy
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
GATE = 'enpire_safety/gate'
FILES = [f'{GATE}/rules/{name}.py' for name in ('change', 'contact', 'effort', 'form', 'position', 'space', 'timing',
                                                'velocity')]
FILES += [f'{GATE}/{name}.py' for name in ('allowance', 'clearance', 'latch', 'phase', 'plan', 'repeats', 'setpoint',
                                           'space', 'truth')]
CORE = f'{GATE}/core.py'
TURNED = {ast.LtE: ast.Gt, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
          ast.Is: ast.IsNot, ast.IsNot: ast.Is}
SIGN = {ast.Add: ast.Sub, ast.Sub: ast.Add}
SLOW = 'test_gate_node', 'test_process', 'test_readme', 'test_fuzz', 'test_sandbox'
# Of the CPU: a machine that stands still for a while is no test that hangs.
LIMIT_CPU_S = 900
# Place of a change -> why it makes no difference.
EQUIVALENT = {
    f'{GATE}/space.py:61:64 turned clearances >= 0.0':
        'a short cut; turned, it is taken where every clearance is below 0, and a tool that is below the least x of '
        'its box is never above the largest one. Else the long way comes to the same',
}


class Change:
    """One change: ``name`` says file, place and kind; ``apply(tree)`` makes it in a fresh tree of the file."""

    def __init__(self, file, node, kind, what, apply):
        self.file, self.apply, self.kind, self.what = file, apply, kind, what
        self.name = f'{file}:{node.lineno}:{node.end_col_offset} {kind} {what}'


def changes():
    """Yield every Change."""
    yield from _disabled()
    yield from _unsaid()
    yield from _forgotten()
    for file in FILES:
        tree = _tree(file)
        for number, node in enumerate(ast.walk(tree)):
            if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in TURNED:
                yield Change(file, node, 'turned', ast.unparse(node), _at(number, _turn))
            elif isinstance(node, ast.BinOp) and type(node.op) in SIGN and not isinstance(node.left, ast.JoinedStr):
                yield Change(file, node, 'sign', ast.unparse(node), _at(number, _sign))
            elif isinstance(node, ast.BoolOp):
                yield Change(file, node, 'or', ast.unparse(node), _at(number, _or))


def _tree(file):
    return ast.parse((PACKAGE / file).read_text(encoding='utf-8'))


def _at(number, change):
    def apply(tree):
        change(list(ast.walk(tree))[number])
    return apply


def _turn(node):
    node.ops[0] = TURNED[type(node.ops[0])]()


def _sign(node):
    node.op = SIGN[type(node.op)]()


def _or(node):
    node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()


def _rules(tree):
    """Yield (constant, call) of each assignment NAME = Rule(...) in ``tree``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == 'Rule':
            yield node.targets[0].id, node.value


def _disabled():
    for file in FILES:
        for name, call in _rules(_tree(file)):
            def apply(tree, name=name):
                call = dict(_rules(tree))[name]
                call.args[-1] = ast.parse('lambda view: None', mode='eval').body
            yield Change(file, call, 'disabled', call.args[0].value, apply)


def _unsaid():
    """Rules that the core watches itself: every statement that names one is left out, or does nothing."""
    for name, call in _rules(_tree(f'{GATE}/rules/__init__.py')):
        for number, node in enumerate(ast.walk(_tree(CORE))):
            if isinstance(node, (ast.Expr, ast.Return)) and f'catalogue.{name}' in ast.unparse(node):
                yield Change(CORE, node, 'unsaid', call.args[0].value, _without(number))


def _forgotten():
    """The rule about a gate before this one is said by the marker that it left behind: nobody looks."""
    def apply(tree):
        _left_behind(tree).body = ast.parse('def f():\n return []').body[0].body
    yield Change(f'{GATE}/marker.py', _left_behind(_tree(f'{GATE}/marker.py')), 'unsaid', 'restarted', apply)


def _left_behind(tree):
    return next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == '_left_behind')


def _without(number):
    def apply(tree):
        node = list(ast.walk(tree))[number]
        nothing = 'return NOTHING' if isinstance(node, ast.Return) else 'pass'
        for parent in ast.walk(tree):
            for body in (getattr(parent, 'body', None), getattr(parent, 'orelse', None)):
                if isinstance(body, list) and node in body:
                    body[body.index(node)] = ast.copy_location(ast.parse(f'def f():\n {nothing}').body[0].body[0], node)
                    return
    return apply


class Copy:
    """The workspace in ``folder``: links to all but this package, and a copy of this one, to be changed."""

    def __init__(self, folder):
        self._root, self._package = Path(folder), Path(folder) / 'src' / PACKAGE.name
        for name in ('pyproject.toml', 'conftest.py'):
            shutil.copy(PACKAGE.parents[1] / name, self._root)
        (self._root / 'src').mkdir()
        for path in PACKAGE.parent.iterdir():
            if path != PACKAGE:
                os.symlink(path, self._root / 'src' / path.name)
        for name in ('enpire_safety', 'test'):
            shutil.copytree(PACKAGE / name, self._package / name, ignore=shutil.ignore_patterns('__pycache__'))

    def killed_by(self, change):
        """Return the test that notices ``change``, or None; '' where a test has no end, which is noticed, too."""
        path = self._package / change.file
        before = path.read_text(encoding='utf-8')
        tree = ast.parse(before)
        change.apply(tree)
        path.write_text(ast.unparse(ast.fix_missing_locations(tree)), encoding='utf-8')
        try:
            return self.failing()
        finally:
            path.write_text(before, encoding='utf-8')

    def failing(self):
        """Return the first test that fails, or None; '' where one has no end."""
        quick = [str(path) for path in sorted((self._package / 'test').glob('test_*.py'))
                 if not path.stem.startswith(SLOW)]
        # Examples first: they fail sooner than what is drawn at random.
        quick.sort(key=lambda path: ('propert' in path, 'sequences' in path))
        environment = {**os.environ, 'PYTHONDONTWRITEBYTECODE': '1'}
        done = subprocess.run(
            ['prlimit', f'--cpu={LIMIT_CPU_S}:{LIMIT_CPU_S + 10}', sys.executable, '-m', 'pytest', '-x', '-q',
             '--no-header', '--tb=no', '-p', 'no:cacheprovider', '--rootdir', str(self._root), *quick],
            cwd=self._root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == -signal.SIGXCPU:
            return ''
        if done.returncode == 0:
            return None
        failed = [line for line in done.stdout.splitlines() if line.startswith(('FAILED', 'ERROR'))]
        return failed[0].split(' ', 1)[1].split(' - ')[0] if failed else done.stdout[-300:]


def fingerprint():
    """Return a hash of what the outcome depends on: the gate and the tests that are run."""
    digest = hashlib.sha256()
    for path in sorted([*(PACKAGE / GATE).rglob('*.py'), *(PACKAGE / 'test').rglob('*.py')]):
        if not path.stem.startswith(SLOW):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def main():
    """Break what is not in the file yet, and say what came of it."""
    options = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    options.add_argument('--n', type=int, default=None)
    options.add_argument('--out', type=Path, default=None)
    options.add_argument('--list', action='store_true')
    options.add_argument('--kind', default=None)
    chosen = options.parse_args()
    every = [change for change in changes() if chosen.kind in (None, change.kind)]
    if chosen.list:
        print('\n'.join(change.name for change in every))
        return 0
    known = {'fingerprint': fingerprint(), 'changes': {}}
    if chosen.out is not None and chosen.out.exists():
        found = json.loads(chosen.out.read_text(encoding='utf-8'))
        known = found if found['fingerprint'] == known['fingerprint'] else known
    due = [change for change in every if change.name not in known['changes']][:chosen.n]
    with tempfile.TemporaryDirectory(prefix='enpire_broken_') as folder:
        copied = Copy(folder)
        nothing = copied.failing()
        if nothing is not None:
            print(f'expected the tests to pass before anything is broken, but {nothing} fails: mend that first')
            return 1
        for change in due:
            began = time.monotonic()
            test = copied.killed_by(copy.copy(change))
            known['changes'][change.name] = test
            print(f'{"SURVIVED" if test is None else "killed"} {change.name} ({time.monotonic() - began:.0f} s'
                  f'{"" if test is None else f", {test}"})', flush=True)
            if chosen.out is not None:
                chosen.out.write_text(json.dumps(known, indent=1, sort_keys=True) + '\n', encoding='utf-8')
    outcomes = known['changes']
    survived = [name for name, test in outcomes.items() if test is None and name not in EQUIVALENT]
    killed = sum(test is not None for test in outcomes.values())
    print(f'{killed} of {len(outcomes)} changes were noticed ({len(every)} are known); {len(survived)} survived, '
          f'{len(outcomes) - killed - len(survived)} make no difference')
    return 1 if survived else 0


if __name__ == '__main__':
    sys.exit(main())
