"""The format of the lock files, and what the two of the project hold."""
import re
from pathlib import Path

import pytest
from enpire_setup.errors import SetupError
from enpire_setup.lockfile import normal, read_lock, read_pins
from enpire_setup.python_packages import BUILD_TOOLS
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.version import Version

LOCKS = Path(__file__).resolve().parents[1] / 'lock'
PYTHONS = ('3.10', '3.11', '3.12', '3.13')
ROS = re.compile(r'^ros-')
# What the ROS wheels require of PyPI; Jazzy's own packages bring it themselves.
REQUIRED_BY_ROS = {'lark-parser', 'pybind11'}


def pins(name):
    return read_pins((LOCKS / f'{name}.txt').read_text(encoding='utf-8'))


def chosen(name, python):
    """Return name to version of what the lock file installs for this Python on Linux."""
    environment = {
        'python_version': python,
        'python_full_version': f'{python}.5',
        'sys_platform': 'linux',
        'platform_machine': 'x86_64',
        'platform_system': 'Linux',
        'os_name': 'posix',
        'implementation_name': 'cpython',
        'platform_python_implementation': 'CPython',
    }
    result = {}
    for pin in pins(name):
        if pin.marker and not Marker(pin.marker).evaluate(environment):
            continue
        assert pin.name not in result, f'{name}: {pin.name} is pinned twice for Python {python}'
        result[pin.name] = pin.version
    return result


def wanted(name):
    """Return the requirements of an input file and of the files that it includes."""
    result = []
    for line in (LOCKS / f'{name}.in').read_text(encoding='utf-8').splitlines():
        line = line.split('#')[0].strip()
        if line.startswith('-r '):
            result += wanted(line[3:].removesuffix('.in'))
        elif line:
            result.append(Requirement(line))
    return result


def test_an_entry_has_name_version_marker_and_its_own_lines():
    text = 'Foo_Bar==1.0 ; python_version < "3.11" \\\n    --hash=sha256:aa\n'
    (pin,) = read_pins('# a comment\n' + text)
    assert (pin.name, pin.version, pin.marker) == ('foo-bar', '1.0', 'python_version < "3.11"')
    assert pin.text == text


@pytest.mark.parametrize(
    'text, words',
    [
        ('foo>=1 \\\n    --hash=sha256:aa\n', 'line 2: expected `name==version'),
        ('foo==1\n', 'line 1: expected at least one hash for foo'),
        ('foo==1 \\\n    --hash=sha256:aa \\\n', 'cut short'),
        ('# nothing\n', 'it is empty'),
    ],
)
def test_an_entry_that_is_not_pinned_is_refused_with_its_line(text, words):
    with pytest.raises(ValueError, match=words):
        read_pins(text)


def test_a_lock_file_with_merge_markers_is_told_with_line_and_remedy(tmp_path):
    lock = tmp_path / 'wheels.txt'
    lock.write_text('a==1 \\\n    --hash=sha256:aa\n<<<<<<< HEAD\nb==2 \\\n    --hash=sha256:bb\n')
    with pytest.raises(SetupError, match=r"wheels.txt.*line 3.*'<<<<<<< HEAD'.*git checkout") as caught:
        read_lock(lock)
    assert '\n' not in str(caught.value)


def test_names_are_compared_as_indexes_do():
    assert normal('Ros_Jazzy..rclpy') == 'ros-jazzy-rclpy'


@pytest.mark.parametrize('name', ['wheels', 'sourced-ros'])
@pytest.mark.parametrize('python', PYTHONS)
def test_each_wanted_package_is_pinned_once_for_each_python_within_its_bounds(name, python):
    versions = chosen(name, python)
    for requirement in wanted(name):
        version = versions.get(normal(requirement.name))
        assert version is not None, f'{requirement.name} is not pinned for Python {python}'
        assert requirement.specifier.contains(Version(version), prereleases=True)
    assert set(BUILD_TOOLS) <= set(versions)


@pytest.mark.parametrize('python', PYTHONS)
def test_both_lock_files_hold_what_the_project_asks_for_and_differ_in_ros_only(python):
    asked = {normal(requirement.name) for requirement in wanted('python')}
    wheels, sourced = set(chosen('wheels', python)), set(chosen('sourced-ros', python))
    assert asked <= wheels and asked <= sourced
    assert not [name for name in sourced if ROS.match(name)]
    assert {name for name in wheels - sourced if not ROS.match(name)} == REQUIRED_BY_ROS
    assert sourced <= wheels


@pytest.mark.parametrize('python', PYTHONS)
def test_the_sourced_lock_has_the_numpy_that_jazzy_is_built_against(python):
    assert chosen('sourced-ros', python)['numpy'] == '1.26.4'
    assert Version(chosen('wheels', python)['numpy']) >= Version('2')


@pytest.mark.parametrize('python', PYTHONS)
def test_the_wheels_lock_has_rclpy_and_its_meta_package(python):
    versions = chosen('wheels', python)
    assert versions['ros-rclpy'] == versions['ros-jazzy-rclpy']


@pytest.mark.parametrize('python', PYTHONS)
def test_lab_and_extra_together_have_all_that_torch_and_its_export_need(python):
    needed = {'torch', 'onnx', 'onnxscript', 'onnx-ir', 'filelock', 'fsspec', 'jinja2', 'ml-dtypes', 'mpmath',
              'networkx', 'numpy', 'packaging', 'protobuf', 'sympy', 'typing-extensions'}
    for name in ('wheels', 'sourced-ros'):
        assert not needed - {*chosen(name, python), *chosen('training', python)}, name


@pytest.mark.parametrize('python', PYTHONS)
def test_the_extra_changes_no_version_of_the_lab(python):
    extra = chosen('training', python)
    for name in ('wheels', 'sourced-ros'):
        lab = chosen(name, python)
        both = set(extra) & set(lab)
        assert {one: extra[one] for one in both} == {one: lab[one] for one in both}, name


@pytest.mark.parametrize('name', ['wheels', 'sourced-ros', 'training'])
def test_a_lock_file_names_no_index_and_no_file_of_the_maintainers_machine(name):
    text = (LOCKS / f'{name}.txt').read_text(encoding='utf-8')
    assert '://' not in text
    assert '--index-url' not in text and '--find-links' not in text


def test_the_cpu_build_of_torch_that_the_script_names_is_accepted_too():
    script = (LOCKS / 'regenerate.sh').read_text(encoding='utf-8')
    version, digest = re.search(r"^cpu_build='(\S+) ([0-9a-f]{64})'", script, re.M).groups()
    assert chosen('training', '3.11')['torch'] == version
    assert f'--hash=sha256:{digest}' in (LOCKS / 'training.txt').read_text(encoding='utf-8')
