"""`enpire` with other parameters, for tests: `python overridden_lab.py OVERRIDES.json lab ...`.

OVERRIDES.json: node name -> parameter -> value, for every process that holds such a node; with
`respawn_delay_s`: process name -> seconds before it is started again. All else is the command as it is: the
same supervisor, the same processes.
"""

import dataclasses
import json
import pathlib
import sys

from enpire_bringup import cli, processes


def main():
    """Run the command."""
    overrides = json.loads(pathlib.Path(sys.argv[1]).read_text())
    delays = overrides.pop('respawn_delay_s', {})
    expand = processes.expand

    def changed(spec):
        parameters = {node: {**values, **overrides.get(node, {})} for node, values in spec.parameters.items()}
        return dataclasses.replace(spec, parameters=parameters,
                                   respawn_delay_s=delays.get(spec.name, spec.respawn_delay_s))
    processes.expand = lambda *args, **kwargs: [changed(spec) for spec in expand(*args, **kwargs)]
    sys.argv = ['enpire', *sys.argv[2:]]
    cli.main()


if __name__ == '__main__':
    main()
