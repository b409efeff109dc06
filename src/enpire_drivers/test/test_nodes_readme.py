"""The README's tables of parameters are those of the nodes."""

import pathlib

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from enpire_core.params import markdown_table, table_in  # noqa: E402
from enpire_drivers.arm_driver_parameters import ArmDriverParameters  # noqa: E402
from enpire_drivers.camera_driver_node import CameraDriverParameters  # noqa: E402

README = pathlib.Path(__file__).resolve().parents[1] / 'README.md'


@pytest.mark.parametrize('node, parameters', [('arm_driver', ArmDriverParameters),
                                              ('camera_driver', CameraDriverParameters)])
def test_the_table_in_the_readme_is_the_nodes(node, parameters):
    assert table_in(README.read_text(), node) == markdown_table(parameters)
