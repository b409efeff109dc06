"""The `enpire` command. A module of `enpire_bringup.commands` is a subcommand.

Such a module has `register(app)`, which adds it to the typer app, and imports what is heavy (rclpy,
MuJoCo, scipy) only inside its functions, so that `enpire --help` is quick.
"""

import importlib
import os
import pkgutil
import sys

import typer

from enpire_bringup import commands
from enpire_core import numerics

HELP = """Runs robot labs: stations that reset themselves, try policies and judge them.

\b
    enpire lab                                         a simulated lab that improves its policy
    enpire report                                      what came of it
    enpire champion export --out my_champion           its best policy, to be run anywhere
    enpire trial my_policy.py --unit unit0 --seed 7    one trial in a running lab
    enpire status                                      what a running lab does
    enpire stop                                        stops every arm, at once
    enpire clear                                       lets stopped arms move again
    enpire power                                       whose motors have power; gives it back after a cut
    enpire doctor                                      what this machine lacks
"""
# In this order in the help; others follow by name.
FIRST = ('lab', 'report', 'trial', 'status', 'stop', 'clear', 'power', 'render')


def make_app():
    """Return the typer app with every subcommand."""
    app = typer.Typer(
        help=HELP, no_args_is_help=True, add_completion=False, rich_markup_mode=None,
        pretty_exceptions_enable=False, context_settings={'help_option_names': ['-h', '--help']},
    )
    found = [module.name for module in pkgutil.iter_modules(commands.__path__)]
    order = [name for name in FIRST if name in found]
    for name in order + sorted(set(found) - set(order)):
        module = importlib.import_module(f'{commands.__name__}.{name}')
        if hasattr(module, 'register'):
            module.register(app)
    return app


def main():
    """Entry point of `enpire`."""
    # Some commands join a world and trials in this process: the same bits as on the graph.
    numerics.settle()
    # As setup/env.sh does, for shells that have only sourced install/setup.bash: trip, clear and requests
    # stay on this machine unless somebody asks.
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE') or 'LOCALHOST'
    from enpire_safety.sandbox.choice import NoSandbox

    try:
        make_app()()
    except NoSandbox as error:
        typer.echo(str(error), err=True)
        sys.exit(1)


if __name__ == '__main__':
    main()
