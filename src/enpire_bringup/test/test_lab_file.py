"""The lab file: what is taken, and what is refused with line and key."""

import pathlib

import pytest

from enpire_bringup import lab, run

CONFIG = pathlib.Path(__file__).resolve().parents[1] / 'config'


def refused(text, options=None):
    """Return the lines of the refusal of a lab file."""
    with pytest.raises(lab.LabError) as error:
        lab.load_text(text, 'my.yaml', options)
    return str(error.value).splitlines()


def test_an_empty_file_is_the_default_lab():
    assert lab.load_text('', 'my.yaml') == lab.Lab()


def test_the_shipped_lab_file_is_taken():
    path = CONFIG / 'lab.yaml'
    found = lab.load_text(path.read_text(), str(path))
    assert found.units == ('unit0', 'unit1') and found.task == 'push_t'


def test_every_key_stands_in_the_shipped_lab_file():
    text = (CONFIG / 'lab.yaml').read_text()
    assert [key for key in lab.Lab.model_fields if f'{key}:' not in text] == []


def test_the_commented_keys_of_the_shipped_lab_file_are_good_ones():
    lines = (CONFIG / 'lab.yaml').read_text().splitlines()
    text = '\n'.join(
        line[2:]
        for line in lines
        if line.startswith('# ')
        and ':' in line.split('#')[1]
        and not line.startswith('# A lab')
        and not line.startswith('# of the')
    )
    found = lab.load_text(text, '/here/my.yaml')
    assert found.policy == '/here/my_policy.py' and found.limits == '/here/my_limits.yaml'
    assert found.cameras['top_camera'].color_profile == '640x480x15'
    assert found.operator_hook == ('/here/./ask.sh',)


def test_units_are_a_number_or_names():
    assert lab.load_text('units: 3', 'my.yaml').units == ('unit0', 'unit1', 'unit2')
    assert lab.load_text('units: [left, right]', 'my.yaml').units == ('left', 'right')


@pytest.mark.parametrize(
    'value',
    [
        '0',
        '65',
        '-1',
        '1.5',
        'true',
        '[]',
        '[Left]',
        '[a b]',
        '[lab]',
        '[a, a]',
        '["../x"]',
        'two',
        '[1]',
        '{a: b}',
    ],
)
def test_units_that_make_no_sense_are_refused(value):
    (line,) = refused(f'name: x\nunits: {value}\n')
    assert line.startswith('my.yaml, line 2: units: expected')


@pytest.mark.parametrize(
    'line',
    [
        'trials: -1',
        'trials: 1.5',
        'trials: many',
        'seed: -1',
        'seed: 9223372036854775808',
        'real_time_factor: .nan',
        'real_time_factor: .inf',
        'real_time_factor: -1',
        'real_time_factor: 0.001',
        'backend: real',
        'log_level: loud',
        'name: ../x',
        'name: 4',
        'operator_hook: ask.sh',
        'operator_hook: []',
        'power_relay: relay.sh',
        'power_relay: [1]',
        'cameras: {top_camera: {color_profile: 640x480}}',
        'cameras: {top_camera: {color_profile: 9999x1x1}}',
        'seed: 2024-13-45',
        'seed: 2024-01-02',
        'seed: 0x_',
        'trials: ' + '9' * 5000,
        'folder: "a\\0b"',
        'folder: "a\\uD800b"',
        'folder: ""',
        'policy: "a\\0b.py"',
        'limits: "a\\nb.yaml"',
        'operator_hook: ["ask\\0"]',
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_line_and_key(line):
    key = line.split(':')[0]
    (found,) = refused(f'units: 2\n{line}\n')
    assert found.startswith('my.yaml, line 2: ')
    assert key in found or 'expected YAML' in found
    assert 'expected' in found and 'got' in found


def test_an_unknown_key_is_refused_and_the_nearest_known_one_is_named():
    assert refused('units: 2\ntrails: 5\n') == [
        "my.yaml, line 2: unknown key 'trails'; the nearest known one is 'trials'"
    ]


def test_an_unknown_camera_and_key_of_a_camera_are_refused_with_their_lines():
    lines = refused('cameras:\n  top_camera:\n    color_profle: 1x1x1\n  tp_camera: {}\n')
    assert (
        "my.yaml, line 3: unknown key 'cameras.top_camera.color_profle'; "
        "the nearest known one is 'color_profile'" in lines
    )
    assert (
        "my.yaml, line 4: unknown camera 'tp_camera'; the nearest known one is 'top_camera'"
        in lines
    )


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file():
    lines = refused('trials: x\nseed: y\nunitz: 2\n')
    assert [line.split(':')[0] for line in lines] == [
        'my.yaml, line 1',
        'my.yaml, line 2',
        'my.yaml, line 3',
    ]


def test_a_key_that_stands_there_twice_is_refused():
    (line,) = refused('units: 2\nunits: 3\n')
    assert line.startswith(
        "my.yaml, line 2: the key 'units' is here a second time (first in line 1)"
    )


@pytest.mark.parametrize(
    'text', ['units: [2', '- a\n- b\n', 'hello', 'a: !!python/object:x {}', '\tunits: 2']
)
def test_what_is_not_a_mapping_in_yaml_is_refused(text):
    (line,) = refused(text)
    assert line.startswith('my.yaml') and 'expected' in line


@pytest.mark.parametrize('line, said', [
    ('units: &a [*a]', 'got the alias *a'),
    ('cameras: &a {top_camera: *a}', 'got the alias *a'),
    ('units: ' + '[' * 5000 + ']' * 5000, 'expected at most 20 levels'),
    ('units: ' + '{a: ' * 300 + '}' * 300, 'expected at most 20 levels'),
    ('folder: "a\x00b"', "got the character '\\x00'"),
])
def test_what_would_not_end_or_is_no_text_is_refused_with_its_line(line, said):
    (found,) = refused(f'trials: 2\n{line}\n')
    assert found.startswith('my.yaml, line 2: expected') and said in found


def test_a_key_that_is_no_text_is_refused():
    for key in ('1', 'on', '~', '.nan'):
        assert refused(f'trials: 2\n{key}: x\n') == [
            f'my.yaml, line 2: expected a name before the colon, got {key!r}']


def test_a_hook_is_a_path_relative_to_the_lab_file_or_a_name_on_path():
    assert lab.load_text('operator_hook: [bin/ask, x]', '/here/my.yaml').operator_hook == ('/here/bin/ask', 'x')
    assert lab.load_text('operator_hook: [ask, ./x]', '/here/my.yaml').operator_hook == ('ask', './x')
    assert lab.load_text('power_relay: [./relay, ./x]', '/here/my.yaml').power_relay == ('/here/./relay', './x')


def missing(text, options=None):
    """Return the lines of the refusal of a lab whose files are looked for."""
    pytest.importorskip('enpire_tasks')
    with pytest.raises(lab.LabError) as error:
        run.find_files(lab.load_text(text, '/here/my.yaml', options))
    return str(error.value).splitlines()


def test_what_a_lab_file_names_and_is_not_there_is_named_with_its_line_all_at_once():
    lines = missing('task: push_tee\nunits: 2\npolicy: nope.py\nlimits: nolim.yaml\nartifact: no.onnx\n'
                    'operator_hook: [./ask.sh]\n')
    assert [line.split(': ')[:2] for line in lines] == [
        [f'/here/my.yaml, line {number}', key]
        for number, key in ((1, 'task'), (3, 'policy'), (5, 'artifact'), (4, 'limits'), (6, 'operator_hook'))]
    assert "push_t" in lines[0] and lines[1].endswith('found none at /here/nope.py')
    assert "found none at '/here/./ask.sh' (a path is relative to the lab file" in lines[4]


def test_an_option_that_names_what_is_not_there_is_named_as_the_option():
    (line,) = missing('policy: in_the_file.py', {'policy': '/no/such.py'})
    assert line == 'option policy: policy: expected a file, found none at /no/such.py'


def test_limits_that_leave_no_room_are_refused_with_the_line_of_the_lab_file(tmp_path):
    pytest.importorskip('enpire_tasks')
    (tmp_path / 'mine.yaml').write_text('profiles: {rollout: {joint1: {velocity: 99}}}\n')
    with pytest.raises(lab.LabError, match=r'my.yaml, line 2: limits: .*mine.yaml: profiles.rollout.joint1'):
        run.prepare(lab.load_text('units: 1\nlimits: mine.yaml\n', str(tmp_path / 'my.yaml')))


def test_options_go_before_the_file_and_are_named_in_errors():
    assert lab.load_text('trials: 5', 'my.yaml', {'trials': 7, 'seed': None}).trials == 7
    assert refused('trials: 5', {'trials': -7}) == [
        'option trials: trials: expected greater than or equal to 0, got -7'
    ]


def test_a_lab_file_written_again_gives_the_same_lab():
    text = (
        'units: [a, b]\nreal_time_factor: 2\ncameras: {top_camera: {color_profile: 320x240x10}}\n'
    )
    first = lab.load_text(text, 'my.yaml')
    assert lab.load_text(lab.dump(first), 'other.yaml') == first
