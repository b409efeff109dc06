"""The paths that the ROS wheels' CMake files bring from the machine that built them."""
import pytest
from enpire_setup import wheel_paths
from enpire_setup.errors import SetupError

LINE = (
    'INTERFACE_INCLUDE_DIRECTORIES "/opt/python/cp311-cp311/include/python3.11;'
    '/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include"\n'
)


@pytest.fixture
def prefix(tmp_path):
    """A venv-like tree with numpy 2 and one file to patch."""
    (tmp_path / 'site' / 'numpy' / '_core' / 'include').mkdir(parents=True)
    cmake = tmp_path / 'share' / 'std_msgs' / 'cmake'
    cmake.mkdir(parents=True)
    (cmake / 'pyExport.cmake').write_text(LINE, encoding='utf-8')
    (cmake / 'other.cmake').write_text('set(X 1)\n', encoding='utf-8')
    return tmp_path


def patch(prefix):
    return wheel_paths.patch_tree(prefix / 'share', prefix / 'include', prefix / 'site')


def test_both_paths_become_those_of_this_python(prefix):
    changed = patch(prefix)
    assert [path.name for path in changed] == ['pyExport.cmake']
    assert changed[0].read_text(encoding='utf-8') == (
        f'INTERFACE_INCLUDE_DIRECTORIES "{prefix}/include;{prefix}/site/numpy/_core/include"\n'
    )


def test_patching_twice_changes_nothing(prefix):
    patch(prefix)
    before = (prefix / 'share/std_msgs/cmake/pyExport.cmake').read_bytes()
    assert patch(prefix) == []
    assert (prefix / 'share/std_msgs/cmake/pyExport.cmake').read_bytes() == before


@pytest.mark.parametrize('tag', ['310', '312', '313'])
def test_the_tag_follows_the_python_that_the_wheel_is_for(tag):
    version = f'3.{tag[1:]}'
    text = f'/opt/python/cp{tag}-cp{tag}/include/python{version}'
    assert wheel_paths.patch_text(text, '/real', '/site', '/numpy') == '/real'


def test_a_numpy_1_folder_of_the_builder_becomes_that_of_the_installed_numpy(prefix):
    text = '/opt/python/cp310-cp310/lib/python3.10/site-packages/numpy/core/include'
    numpy = str(wheel_paths.numpy_include(prefix / 'site'))
    assert wheel_paths.patch_text(text, '/real', '/site', numpy) == numpy


def test_a_path_of_the_builder_of_a_new_kind_is_refused_and_the_file_left_alone(prefix):
    odd = prefix / 'share' / 'std_msgs' / 'cmake' / 'odd.cmake'
    odd.write_text('set(P "/opt/python/cp311-cp311/bin/python3")\n', encoding='utf-8')
    with pytest.raises(SetupError, match=r'odd.cmake \(set\(P .*\): teach wheel_paths.py'):
        patch(prefix)
    assert '/opt/python/cp311-cp311/bin' in odd.read_text(encoding='utf-8')


def test_a_cmake_file_that_is_no_utf8_keeps_its_other_bytes(prefix):
    odd = prefix / 'share' / 'std_msgs' / 'cmake' / 'odd.cmake'
    odd.write_bytes(b'# caf\xe9 /opt/python/cp311-cp311/include/python3.11\n')
    patch(prefix)
    assert odd.read_bytes() == f'# caf\udce9 {prefix}/include\n'.encode(errors='surrogateescape')


def test_a_missing_numpy_is_named_with_what_to_do(tmp_path):
    with pytest.raises(SetupError, match='pinned numpy.*found none: remove .venv'):
        wheel_paths.numpy_include(tmp_path)


def test_paths_with_backslashes_and_groups_are_taken_literally():
    text = '/opt/python/cp311-cp311/include/python3.11'
    assert wheel_paths.patch_text(text, r'/odd\1/\g<0>', '/site', '/numpy') == r'/odd\1/\g<0>'
