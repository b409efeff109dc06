"""The program of a training script's process: `python -m enpire_research.training.host SCRIPT`.

It steps back behind the stations, and runs the script as `__main__` in an
empty home. What it was started with stands in the environment (`enpire_policy.training.VARIABLE`); through the
pipe named there it says `{"op": "syntax" or "raised", "text": ...}` where the script has an end of its own, and
the script itself says what it reports.
"""

import contextlib
import linecache
import os
import random
import sys
import traceback
import types

import numpy as np

from enpire_policy import training

TEXT_LIMIT = 6000


def step_back(nice):
    """Let this process and its children stand back for the CPU by ``nice``, 0 to 19."""
    os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
    # Where Linux groups processes by session, the group's own nice counts, and ours is one of its own.
    with contextlib.suppress(OSError), open('/proc/self/autogroup', 'w', encoding='ascii') as handle:
        handle.write(str(nice))


def say(**message):
    """Tell the train server."""
    training.send(message)


def told(error, name):
    """Return the traceback of ``error``, only the lines of the script ``name`` where there are any; bounded."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == name] or frames
    text = ''.join(['Traceback (most recent call last):\n', *traceback.format_list(own),
                    *traceback.format_exception_only(type(error), error)])
    return text if len(text) <= TEXT_LIMIT else text[:1000] + '\n ...\n' + text[-(TEXT_LIMIT - 1000):]


def run(path):
    """Run the script at ``path``; return the exit status."""
    with open(path, encoding='utf-8') as handle:
        source = handle.read().removeprefix('\ufeff')
    name = os.path.basename(path)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    try:
        code = compile(source, name, 'exec')
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = '' if getattr(error, 'lineno', None) is None else f', line {error.lineno}: {(error.text or "").strip()}'
        say(op='syntax', text=f'{name} does not compile{line} ({type(error).__name__}: '
            f'{getattr(error, "msg", None) or error})')
        return 1
    module = types.ModuleType('__main__')
    module.__file__ = name
    sys.modules['__main__'], sys.argv = module, [name]
    random.seed(training.seed)
    np.random.seed(training.seed & 0xFFFFFFFF)
    try:
        exec(code, module.__dict__)
    except SystemExit:
        raise  # with that status, as anywhere
    except BaseException as error:  # whatever the script raises is told to the server, and ends it
        text = told(error, name)
        say(op='raised', text=text, memory=isinstance(error, MemoryError))
        sys.stderr.write(text)
        return 1
    return 0


def main():
    """Run the script that the train server has named."""
    step_back(training.nice)
    return run(sys.argv[1])


if __name__ == '__main__':
    sys.exit(main())
