"""`enpire` with other parameters, for tests: `python overridden_lab.py OVERRIDES.json lab ...`.

OVERRIDES.json: node name -> parameter -> value, for every process that holds such a node. All else is the
command as it is: the same supervisor, the same processes.
"""

import dataclasses
import json
import pathlib
import sys

from enpire_bringup import cli, processes


def main():
    """Run the command."""
    overrides = json.loads(pathlib.Path(sys.argv[1]).read_text())
    expand = processes.expand

    def expanded(*args, **kwargs):
        return [dataclasses.replace(spec, parameters={
            node: {**values, **overrides.get(node, {})} for node, values in spec.parameters.items()})
            for spec in expand(*args, **kwargs)]
    processes.expand = expanded
    sys.argv = ['enpire', *sys.argv[2:]]
    cli.main()


if __name__ == '__main__':
    main()
