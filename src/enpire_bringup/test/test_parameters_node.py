"""Parameter files as rcl reads them: a string stays a string, whatever it looks like."""

import pytest

rclpy = pytest.importorskip('rclpy')

from enpire_bringup import processes  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.node import Node  # noqa: E402

# What YAML 1.1 takes for a bool, a number or nothing where it stands bare, and what quotes have to carry.
STRINGS = ('y', 'n', 'Y', 'N', 'yes', 'no', 'on', 'off', 'true', 'false', 'null', 'nan', 'inf', 'infinity', '~', '1',
           '1e3', '0x1', '.nan', '', ' x ', 'a"b', "a'b", 'a\\b', 'é', 'a: b # c', 'x ' * 300)


def read_back(values, namespace, tmp_path):
    """Return the parameters that a node in ``namespace`` gets from the file that is written for it."""
    spec = processes.ProcessSpec('x', 'x', 'x', namespace, {'node': values})
    path = tmp_path / 'parameters.yaml'
    path.write_text(processes.parameters_yaml(spec), encoding='utf-8')
    context = Context()
    rclpy.init(context=context, args=processes.command(spec, 'x', str(path))[1:])
    try:
        node = Node('node', context=context, automatically_declare_parameters_from_overrides=True)
        try:
            return {name: node.get_parameter(name).value for name in values}
        finally:
            node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)


@pytest.mark.parametrize('text', STRINGS)
def test_a_string_is_read_as_it_was_written(text, tmp_path):
    values = {'one': text, 'list': [text, text]}
    assert read_back(values, '/unit0', tmp_path) == values


@pytest.mark.parametrize('unit', ['y', 'n', 'on', 'off', 'null', 'nan', 'inf', 'e1'])
def test_a_station_may_have_any_name_that_a_lab_file_takes(unit, tmp_path):
    values = {'unit': unit, 'units': [unit], 'seed': 5, 'factor': 2.0, 'simulated': True}
    assert read_back(values, f'/{unit}', tmp_path) == values
