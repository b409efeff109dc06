"""What calls for a new build, and what an old one must leave."""
import pytest
from enpire_setup import workspace
from enpire_setup.errors import SetupError
from enpire_setup.log import Log


@pytest.fixture
def root(tmp_path):
    """A repository with an interface package and a Python package."""
    interfaces = tmp_path / 'src' / 'things_interfaces'
    (interfaces / 'msg').mkdir(parents=True)
    (interfaces / 'package.xml').write_text('<package/>')
    (interfaces / 'CMakeLists.txt').write_text('project(x)')
    (interfaces / 'msg' / 'Thing.msg').write_text('int32 a')
    package = tmp_path / 'src' / 'things'
    (package / 'things' / 'deep').mkdir(parents=True)
    (package / 'test').mkdir()
    (package / 'config').mkdir()
    (package / 'package.xml').write_text('<package/>')
    (package / 'setup.py').write_text('setup()')
    (package / 'things' / '__init__.py').write_text('')
    (package / 'config' / 'a.yaml').write_text('a: 1')
    (tmp_path / 'src' / 'notes').mkdir()
    return tmp_path


@pytest.mark.parametrize(
    'path',
    [
        'src/things_interfaces/msg/Thing.msg',
        'src/things_interfaces/msg/Other.msg',
        'src/things_interfaces/CMakeLists.txt',
        'src/things/setup.py',
        'src/things/setup.cfg',
        'src/things/package.xml',
        'src/things/config/new.yaml',
        'src/things/second_module/__init__.py',
        'src/notes/package.xml',
        'colcon.meta',
    ],
)
def test_a_change_that_colcon_must_see_calls_for_a_build(root, path):
    before = workspace.source_key(root)
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text('changed')
    assert workspace.source_key(root) != before


@pytest.mark.parametrize(
    'path',
    [
        'src/things/things/__init__.py',
        'src/things/things/new_module.py',
        'src/things/things/deep/module.py',
        'src/things/things/__pycache__/x.pyc',
        'src/things/config/a.yaml',
        'src/things/test/test_things.py',
        'src/things/things.egg-info/PKG-INFO',
        'README.md',
    ],
)
def test_a_change_that_is_in_force_at_once_calls_for_none(root, path):
    before = workspace.source_key(root)
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text('changed')
    assert workspace.source_key(root) == before


def test_the_key_is_the_same_in_another_folder(root, tmp_path_factory):
    import shutil

    other = tmp_path_factory.mktemp('other') / 'repository'
    shutil.copytree(root, other)
    assert workspace.source_key(other) == workspace.source_key(root)


@pytest.mark.parametrize('base', ['install', 'build'])
def test_a_package_without_its_folder_in_install_or_build_is_not_installed(root, base):
    assert not workspace.is_installed(root)
    built(root, 'things')
    assert not workspace.is_installed(root)
    built(root, 'things_interfaces')
    assert workspace.is_installed(root)
    (root / base / 'things').rmdir()
    assert not workspace.is_installed(root)


def built(root, name, cache=None):
    for base in ('build', 'install'):
        (root / base / name).mkdir(parents=True)
    if cache is not None:
        (root / 'build' / name / 'CMakeCache.txt').write_text(cache)


def left(root):
    bases = (root / 'build', root / 'install')
    return sorted(str(path.relative_to(root)) for base in bases for path in base.glob('*'))


def test_what_is_left_of_packages_that_are_gone_is_removed(root):
    built(root, 'things')
    built(root, 'gone')
    (root / 'install' / 'setup.bash').write_text('')
    workspace.remove_leftovers(root, everything=False)
    assert left(root) == ['build/things', 'install/setup.bash', 'install/things']


@pytest.mark.parametrize('base', ['install', 'build'])
def test_one_half_of_a_result_is_removed_with_the_other_gone(root, base):
    built(root, 'things')
    (root / base / 'things').rmdir()
    workspace.remove_leftovers(root, everything=False)
    assert left(root) == []


def test_a_build_without_symlinks_or_of_another_folder_is_removed(root):
    here = f'CMAKE_HOME_DIRECTORY:INTERNAL={root}/src/things_interfaces\n'
    linked = 'AMENT_CMAKE_SYMLINK_INSTALL:BOOL=1\n'
    built(root, 'things', here)
    built(root, 'things_interfaces', linked + 'CMAKE_HOME_DIRECTORY:INTERNAL=/elsewhere/src/x\n')
    workspace.remove_leftovers(root, everything=False)
    assert left(root) == []
    built(root, 'things_interfaces', linked + here)
    workspace.remove_leftovers(root, everything=False)
    assert left(root) == ['build/things_interfaces', 'install/things_interfaces']


def test_on_demand_everything_is_removed(root):
    built(root, 'things')
    workspace.remove_leftovers(root, everything=True)
    assert not (root / 'build').exists() and not (root / 'install').exists()


def test_a_package_that_does_not_build_is_named_with_its_error(root):
    (root / 'setup').mkdir()
    (root / 'setup' / 'env.sh').write_text('PATH=$PWD/fake:$PATH\n')
    fake = root / 'fake' / 'colcon'
    fake.parent.mkdir()
    fake.write_text(
        '#!/bin/sh\necho "CMake Error: no such file"\n'
        'echo "Failed   <<< things_interfaces [1.2s, exited with code 1]"\nexit 1\n'
    )
    fake.chmod(0o755)
    with pytest.raises(SetupError, match=r'things_interfaces failed \(CMake Error: no such file\)'):
        workspace.build(Log(root / 'log.txt'), root)


def test_a_workspace_without_packages_is_built_in_no_time(tmp_path):
    workspace.build(Log(tmp_path / 'log.txt'), tmp_path)
    assert not (tmp_path / 'install').exists()
