"""Files that the package ships: rviz configuration, and what the launch files refer to."""

import pathlib

import yaml

PACKAGE = pathlib.Path(__file__).resolve().parents[1]


def displays():
    config = yaml.safe_load((PACKAGE / 'rviz' / 'station.rviz').read_text())
    return config, {d['Name']: d for d in config['Visualization Manager']['Displays']}


def strings(value):
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def test_the_rviz_configuration_shows_robots_markers_and_cameras_of_one_unit():
    config, found = displays()
    assert found['Robots']['Description Topic']['Value'] == '/unit0/robot_description'
    assert found['Robots']['TF Prefix'] == 'unit0'
    assert found['Markers']['Topic']['Value'] == '/unit0/markers'
    assert found['Safety']['Topic']['Value'] == '/unit0/safety_gate/markers'
    assert found['Top camera']['Topic']['Value'] == '/unit0/top_camera/color/image_raw'
    assert config['Visualization Manager']['Global Options']['Fixed Frame'] == 'unit0/station'


def test_images_are_asked_for_as_the_camera_driver_sends_them():
    _, found = displays()
    images = [d for d in found.values() if d['Class'].endswith('/Image')]
    assert len(images) == 3
    assert {d['Topic']['Reliability Policy'] for d in images} == {'Best Effort'}


def test_every_topic_and_frame_of_the_rviz_configuration_is_the_units():
    config, _ = displays()
    names = [text for text in strings(config) if text.startswith('/unit') or '/station' in text]
    assert names and all('unit0' in name for name in names)


def test_setup_installs_every_data_file():
    text = (PACKAGE / 'setup.py').read_text()
    for pattern in ('config/*.yaml', 'launch/*.launch.py', 'rviz/*.rviz'):
        assert pattern in text
        assert list(PACKAGE.glob(pattern)), pattern
