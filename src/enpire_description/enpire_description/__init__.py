"""The robot of a station as data, and where it lies: in the source tree or installed."""

from pathlib import Path

_SOURCE = Path(__file__).resolve().parent.parent


def share_path(*parts):
    """Return the Path of a data file, e.g. ``share_path('limits', 'yam.yaml')``.

    From a source tree it needs no ROS; an installed package is found through the ament index.
    FileNotFoundError for what is not there.
    """
    if (_SOURCE / 'package.xml').is_file():
        base = _SOURCE
    else:
        from ament_index_python.packages import get_package_share_directory
        base = Path(get_package_share_directory('enpire_description'))
    path = base.joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(f'expected {"/".join(parts)} in enpire_description at {base}, it is not there: '
                                'build the workspace again')
    return path
