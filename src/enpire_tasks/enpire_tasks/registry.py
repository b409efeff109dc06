"""Finds tasks by name. A task is a package beside this module with a module `task` that has `TASK`."""

import importlib
import os

from enpire_core.words import cut, nearest
from enpire_tasks.protocols import Task


class UnknownTask(ValueError):
    """No task has this name; the text names the nearest one."""


def names():
    """Return the names of all tasks, sorted."""
    here = os.path.dirname(os.path.abspath(__file__))
    return sorted(entry.name for entry in os.scandir(here)
                  if entry.is_dir() and os.path.isfile(os.path.join(entry.path, 'task.py')))


def get(name):
    """Return the Task called ``name``; UnknownTask where there is none.

    TypeError, naming what lacks, for a folder whose `task.TASK` is no Task.
    """
    known = names()
    if name not in known:
        raise UnknownTask(f'expected the name of a task, got {cut(name)!r}; {nearest(name, known, cutoff=0.3)}')
    module = importlib.import_module(f'enpire_tasks.{name}.task')
    task = getattr(module, 'TASK', None)
    if not isinstance(task, Task):
        members = [member for member in dir(Task) if not member.startswith('_')]
        members += list(Task.__annotations__)
        lacking = sorted({member for member in members if not hasattr(task, member)})
        raise TypeError(f'enpire_tasks/{name}/task.py: expected TASK to be a Task, it lacks '
                        f'{", ".join(lacking) or "everything"}')
    if task.name != name:
        raise TypeError(f'enpire_tasks/{name}/task.py: expected the name {name!r}, got {task.name!r}')
    return task
