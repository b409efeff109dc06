"""A supervisor in a process of its own, for tests: `python supervised.py SPECS.json LOG_DIR PATIENCE_S`.

SPECS.json: a list of `ChildSpec` fields. PATIENCE_S: of each step of stopping. With FULL_DISK set it can
note nothing. It prints what is reported, and at the end the `Outcome` as
one line of JSON. `processes.json` in LOG_DIR holds name -> pid of what runs.
"""

import dataclasses
import errno
import json
import os
import pathlib
import sys

import anyio

from enpire_bringup.supervisor.child import ChildSpec, StopTimes
from enpire_bringup.supervisor.supervisor import Supervisor


def main():
    """Run the supervisor to the end."""
    specs = [
        ChildSpec(**dict(spec, command=tuple(spec['command'])))
        for spec in json.loads(pathlib.Path(sys.argv[1]).read_text())
    ]
    folder = pathlib.Path(sys.argv[2])

    def note(running):
        if 'FULL_DISK' in os.environ:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = folder / 'processes.part'
        part.write_text(json.dumps(running))
        os.replace(part, folder / 'processes.json')

    supervisor = Supervisor(
        specs,
        str(folder),
        report=lambda text: print(text, flush=True),
        on_change=note,
        times=StopTimes(float(sys.argv[3]), float(sys.argv[3])),
    )
    outcome = anyio.run(supervisor.run)
    print(json.dumps(dataclasses.asdict(outcome)), flush=True)


if __name__ == '__main__':
    main()
