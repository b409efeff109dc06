"""Makes everything that the project needs, from a bare machine: `python3 setup/bootstrap.py`.

Standard library only. It may be called at any time: what is done is not done
again, and an interrupted call continues. `setup/README.md` says what it
installs where.

This file is parsed by any Python, old ones too, so that a wrong version is
told in one sentence instead of a syntax error. Everything else is in
`enpire_setup`, which needs the versions below.
"""
import os
import sys

OLDEST = (3, 10)
NEWEST = (3, 13)


def version_error(version, executable):
    """Return the sentence about a Python that is too old or too new, or None.

    version is (major, minor). The ROS wheels exist for OLDEST to NEWEST only.
    """
    if OLDEST <= version <= NEWEST:
        return None
    return (
        'Set-up expected Python %d.%d to %d.%d and was started with Python %d.%d (%s): '
        'install one of these and name it, for instance `make setup PYTHON=python3.12`.'
        % (OLDEST + NEWEST + version + (executable,))
    )


def main():
    """Check the version, then hand over. Returns the exit status."""
    sentence = version_error(tuple(sys.version_info[:2]), sys.executable)
    if sentence is not None:
        sys.stderr.write(sentence + '\n')
        return 1
    here = os.path.dirname(os.path.abspath(__file__))
    if os.path.realpath(sys.prefix) == os.path.realpath(os.path.join(here, '..', '.venv')):
        # The environment can't make itself anew: the Python that it was made with can.
        os.execv(sys._base_executable, [sys._base_executable] + sys.argv)
    sys.path.insert(0, here)
    from enpire_setup.command import run

    return run(sys.argv[1:])


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # before the set-up itself listens
        sys.exit(130)
