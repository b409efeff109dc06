"""Rules that hold for the whole source tree, read from the files: imports, clocks, chance, interfaces.

Pure modules are all but `*_node.py`, `conversions.py` and those listed here with a reason. They import
neither rclpy nor messages, read no clock, and draw nothing that no seed repeats. Not covered: what is
imported by a name that is made at run time.
"""

import ast
import pathlib
import re

import pytest

SOURCES = pathlib.Path(__file__).resolve().parents[2]
INTERFACES = SOURCES / 'enpire_interfaces'

# design: which of our packages a package may import (at run time, tests excluded).
MAY_IMPORT = {
    'enpire_interfaces': set(),
    'enpire_core': {'enpire_interfaces'},
    'enpire_description': set(),
    'enpire_drivers': {'enpire_core', 'enpire_interfaces', 'enpire_description'},
    'enpire_safety': {'enpire_core', 'enpire_interfaces'},
    'enpire_tasks': {'enpire_core', 'enpire_description'},
    # for the direct runner also the simulated world of the drivers
    'enpire_research': {
        'enpire_core',
        'enpire_interfaces',
        'enpire_description',
        'enpire_drivers',
        'enpire_safety',
        'enpire_tasks',
        'enpire_policy',
    },
    'enpire_policy': {'enpire_core'},
    'enpire_bringup': {
        'enpire_core',
        'enpire_interfaces',
        'enpire_description',
        'enpire_drivers',
        'enpire_safety',
        'enpire_tasks',
        'enpire_research',
        'enpire_policy',
    },
}

ROS, CLOCK, CHANCE = 'ros', 'clock', 'chance'
# (file or folder under src, what it may do, why).
EXCEPTIONS = (
    ('enpire_core/enpire_core/qos.py', {ROS}, 'profiles are ROS objects'),
    ('enpire_core/enpire_core/node.py', {ROS}, 'base of the nodes'),
    ('enpire_core/enpire_core/main.py', {ROS}, 'runs nodes'),
    ('enpire_core/enpire_core/executors.py', {ROS}, 'chooses an executor of rclpy'),
    ('enpire_core/enpire_core/goals.py', {ROS, CLOCK}, 'serves actions, and waits for their threads'),
    ('enpire_core/enpire_core/testing.py', {ROS, CLOCK}, 'a graph for tests, with time limits'),
    ('enpire_description/enpire_description/__init__.py', {ROS}, 'finds its data in an install'),
    ('enpire_research/enpire_research/bench', {ROS, CLOCK}, 'measures processes and durations'),
    ('enpire_safety/enpire_safety/markers.py', {ROS}, 'turns boxes and capsules into marker messages'),
    ('enpire_research/enpire_research/markers.py', {ROS}, 'turns outlines and verdicts into marker messages'),
    ('enpire_research/enpire_research/replay_lab.py', {ROS, CLOCK}, 'replays in a lab of its own on the graph'),
    ('enpire_research/enpire_research/trials/graph_station.py', {ROS, CLOCK}, 'the Station that is on the graph'),
    ('enpire_bringup/enpire_bringup/graph.py', {ROS, CLOCK}, 'what the commands ask the graph'),
    ('enpire_bringup/enpire_bringup/commands', {ROS, CLOCK}, 'the command line: talks to the graph'),
    ('enpire_bringup/enpire_bringup/launching.py', {ROS}, 'turns processes into launch actions'),
    (
        'enpire_bringup/enpire_bringup/run.py',
        {ROS, CLOCK, CHANCE},
        "finds executables, names runs by date; a campaign's secret must not be guessed",
    ),
    ('enpire_bringup/enpire_bringup/supervisor', {CLOCK}, 'processes live in wall time'),
    ('enpire_bringup/enpire_bringup/terminal.py', {CLOCK}, 'lines for people bear the time of day'),
    (
        'enpire_research/enpire_research/trials/policy_process.py',
        {CLOCK},
        'a process that thinks too long is found by wall time',
    ),
    (
        'enpire_safety/enpire_safety/sandbox/confinement.py',
        {CLOCK, CHANCE},
        'waits in wall time for a process to begin; its mark must not be guessed',
    ),
    ('enpire_research/enpire_research/crew.py', {ROS, CLOCK}, 'two nodes share it: goals, silence'),
    ('enpire_research/enpire_policy/training.py', {CLOCK}, 'tells a script how much wall time it has left'),
)

ROS_MODULES = re.compile(
    r'^(rclpy|launch\w*|ament_index_python|domain_coordinator|\w+_msgs|\w+_interfaces|std_srvs)(\.|$)'
)
CLOCKS = re.compile(
    r'^(time\.(time|monotonic|perf_counter|process_time|thread_time|clock_gettime)(_ns)?'
    r'|time\.(localtime|gmtime|ctime|asctime|strftime|\*)'
    r'|datetime\.(datetime\.|date\.)?(now|utcnow|today)|os\.times)$'
)
# What draws without a seed of the caller's, however it is called; and what does when it is called without one.
CHANCE_ALWAYS = re.compile(
    r'^(random\.(?!Random$|seed$)\w+|random\.\*|secrets\.\w+|os\.(urandom|getrandom)|uuid\.uuid[14]'
    r'|numpy\.random\.(?!seed$|default_rng$|Generator$|SeedSequence$|BitGenerator$|PCG64\w*$|Philox$|MT19937$|SFC64$'
    r'|RandomState$)[a-z]\w*)$'
)
CHANCE_UNSEEDED = re.compile(
    r'^(random\.(Random|seed)|numpy\.random\.(seed|default_rng|SeedSequence|PCG64\w*|Philox|MT19937|SFC64|RandomState))$'
)


def packages():
    """Return the names of all Python packages of the tree, listed above or not."""
    return {path.parent.name for path in SOURCES.glob('*/*/__init__.py') if path.parent.name != 'test'}


def modules():
    """Return every Python file of our packages, tests and set-up excluded."""
    return sorted(path for package in packages() | set(MAY_IMPORT) for path in SOURCES.glob(f'*/{package}/**/*.py'))


def short(path):
    return path.relative_to(SOURCES).as_posix()


def allowed(path):
    name = short(path)
    if path.name.endswith('_node.py'):
        return {ROS, CLOCK, CHANCE}
    if path.name == 'conversions.py':
        return {ROS}
    return set().union(*(what for start, what, _ in EXCEPTIONS if name == start or name.startswith(start + '/')))


def imports(tree):
    """Yield (line, full name) of everything that is imported, anywhere in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, node.module
            yield from ((node.lineno, f'{node.module}.{alias.name}') for alias in node.names)


def full_names(tree):
    """Return {name in the file: full name} for all that is imported, so that an alias hides nothing."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    names[alias.asname] = alias.name
                else:
                    names[alias.name.split('.')[0]] = alias.name.split('.')[0]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.update({alias.asname or alias.name: f'{node.module}.{alias.name}' for alias in node.names})
    return names


def full_name(node, names):
    """Return the full name of a chain of attributes that begins with an imported name, or ''."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in names:
        return ''
    return '.'.join([names[node.id], *reversed(parts)])


def mentions(tree):
    """Yield (line, full name) of everything imported that is named anywhere in the file."""
    names = full_names(tree)
    yield from imports(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)):
            name = full_name(node, names)
            if name:
                yield node.lineno, name


def clock_reads(tree):
    """Yield (line, name) of every mention of a clock: `time.monotonic`, `from time import time`, `t.time`."""
    yield from ((line, name) for line, name in mentions(tree) if CLOCKS.match(name))


def chances(tree):
    """Yield (line, name) of everything that draws what no seed repeats."""
    yield from ((line, name) for line, name in mentions(tree) if CHANCE_ALWAYS.match(name))
    names = full_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and CHANCE_UNSEEDED.match(full_name(node.func, names)):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            if not given or any(isinstance(one, ast.Constant) and one.value is None for one in given):
                yield node.lineno, full_name(node.func, names) + '()'


def offences(path, tree):
    """Return what ``path`` does that it may not."""
    may = allowed(path)
    found = []
    if ROS not in may:
        found += [f'{short(path)}:{line} imports {name}' for line, name in imports(tree) if ROS_MODULES.match(name)]
    if CLOCK not in may:
        found += [f'{short(path)}:{line} reads {name}' for line, name in clock_reads(tree)]
    if CHANCE not in may:
        found += [f'{short(path)}:{line} draws from {name}' for line, name in chances(tree)]
    return found


@pytest.mark.parametrize('path', modules(), ids=short)
def test_a_pure_module_imports_no_ros_reads_no_clock_and_draws_nothing_without_a_seed(path):
    assert offences(path, ast.parse(path.read_text(encoding='utf-8'))) == []


def test_every_package_of_the_tree_is_on_the_list():
    assert packages() - set(MAY_IMPORT) == set(), 'say in MAY_IMPORT what it may import'


@pytest.mark.parametrize('path', modules(), ids=short)
def test_a_package_imports_only_what_the_design_allows(path):
    own = path.relative_to(SOURCES).parts[1]
    may = MAY_IMPORT[own] | {own}
    if path.name == 'start_policy.py':  # a policy, whatever package carries it
        may = {'enpire_policy'}
    ours = {
        (line, name.split('.')[0])
        for line, name in imports(ast.parse(path.read_text(encoding='utf-8')))
        if name.split('.')[0] in MAY_IMPORT
    }
    assert [f'line {line}: {name}' for line, name in sorted(ours) if name not in may] == []


@pytest.mark.parametrize(
    'text, words',
    [
        ('import rclpy.node', 'imports rclpy.node'),
        ('from sensor_msgs.msg import Image', 'imports sensor_msgs.msg'),
        ('def f():\n    from enpire_interfaces.msg import SafetyState', 'imports enpire_interfaces.msg'),
        ('import time\nx = time.monotonic()', 'reads time.monotonic'),
        ('import time\ndef f(clock=time.time): pass', 'reads time.time'),
        ('from time import perf_counter', 'reads time.perf_counter'),
        ('import datetime\nx = datetime.datetime.now()', 'reads datetime.datetime.now'),
        ('from datetime import datetime as d\nx = d.now()', 'reads datetime.datetime.now'),
        ('import time as t\nx = t.monotonic()', 'reads time.monotonic'),
        ('from time import monotonic_ns as m', 'reads time.monotonic_ns'),
        ('from time import *', 'reads time.*'),
        ('import time\nx = time.process_time()', 'reads time.process_time'),
        ('import time\nx = time.clock_gettime(time.CLOCK_MONOTONIC)', 'reads time.clock_gettime'),
        ('import random\nx = random.random()', 'draws from random.random'),
        ('from random import shuffle', 'draws from random.shuffle'),
        ('import random\nx = random.Random()', 'draws from random.Random()'),
        ('import numpy as np\nx = np.random.default_rng()', 'draws from numpy.random.default_rng()'),
        ('from numpy.random import default_rng as g\nx = g(None)', 'draws from numpy.random.default_rng()'),
        ('import numpy as np\nx = np.random.normal()', 'draws from numpy.random.normal'),
        ('import os\nx = os.urandom(8)', 'draws from os.urandom'),
        ('import uuid\nx = uuid.uuid4()', 'draws from uuid.uuid4'),
    ],
)
def test_the_check_sees_what_it_is_there_for(text, words):
    path = SOURCES / 'enpire_safety/enpire_safety/gate/core.py'
    assert any(words in found for found in offences(path, ast.parse(text)))


@pytest.mark.parametrize('text', [
    'import numpy as np\nx = np.random.default_rng(7)',
    'import numpy as np\nx: np.random.Generator = None',
    'import random\nx = random.Random(3).random()\nrandom.seed(x)',
    'import time\ntime.sleep(0)',
    'def f(time):\n    return time.monotonic',
])
def test_the_check_lets_seeds_and_what_only_sounds_alike_pass(text):
    path = SOURCES / 'enpire_safety/enpire_safety/gate/core.py'
    assert offences(path, ast.parse(text)) == []


def test_every_exception_is_still_needed():
    for start, what, reason in EXCEPTIONS:
        paths = [path for path in modules() if short(path) == start or short(path).startswith(start + '/')]
        assert paths, f'{start} is gone: take it off the list'
        assert reason
        trees = [ast.parse(path.read_text(encoding='utf-8')) for path in paths]
        used = set()
        if any(ROS_MODULES.match(name) for tree in trees for _, name in imports(tree)):
            used.add(ROS)
        if any(True for tree in trees for _ in clock_reads(tree)):
            used.add(CLOCK)
        if any(True for tree in trees for _ in chances(tree)):
            used.add(CHANCE)
        assert used >= what, f'{start}: {what - used} is not needed any more'


# ---- interfaces --------------------------------------------------------------------------------
FIELD = re.compile(r'^(?P<type>[\w/]+(\[\d*\])?)\s+(?P<name>[A-Za-z]\w*)\s*(?P<value>=\s*[^#]*?)?\s*(?P<comment>#.*)?$')
RANGES = {'Reset': range(100, 200), 'Rollout': range(200, 300), 'Train': range(300, 400)}


def interface_files():
    return sorted(path for kind in ('msg', 'srv', 'action') for path in (INTERFACES / kind).glob(f'*.{kind}'))


def declarations(path):
    """Return (line number, match) for each field or constant of an interface file."""
    found = []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith('#') or line == '---':
            continue
        match = FIELD.match(line)
        assert match, f'{path.name}:{number}: cannot be read: {line!r}'
        found.append((number, match))
    return found


def says_nothing(match):
    """Whether the comment of a field or constant is missing, or only says the name once more."""
    def words(text):
        return set(re.findall(r'[a-z]+', text.lower()))
    comment = (match['comment'] or '').strip('# ')
    if re.match(r'\w+_\*', comment):
        return False  # it names the constants that say it
    return len(comment) < 3 or words(comment) <= words(match['name'])


@pytest.mark.parametrize('path', interface_files(), ids=lambda path: path.name)
def test_every_field_and_constant_of_an_interface_has_a_comment_with_its_meaning(path):
    bare = [f'{path.name}:{number} {match["name"]}' for number, match in declarations(path) if says_nothing(match)]
    assert bare == []
    assert declarations(path), f'{path.name} has no field'


@pytest.mark.parametrize('line, nothing', [
    ('string task', True), ('string task  # task', True), ('uint8 PHASE_IDLE=2', True),
    ('uint8 PHASE_IDLE=2  # Idle', True), ('uint8 phase  # PHASE_*', False),
    ('uint16 ERROR_CANCELED=109  # error: canceled', True), ('string task  # what the station does', False),
    ('uint8 PHASE_IDLE=2  # in service, no trial', False),
])
def test_the_check_of_comments_sees_what_says_nothing(line, nothing):
    assert says_nothing(FIELD.match(line)) == nothing


def test_the_readme_of_the_interfaces_names_every_file_and_every_range_of_errors():
    text = (INTERFACES / 'README.md').read_text(encoding='utf-8')
    table = {line.split('|')[1].strip() for line in text.splitlines() if line.startswith('| `')}
    assert {f'`{path.name}`' for path in interface_files()} <= table
    stale = {name for name in table if name.strip('`').endswith(('.msg', '.srv', '.action'))}
    assert stale <= {f'`{path.name}`' for path in interface_files()}
    assert all(f'{numbers.start} to {numbers.stop - 1}' in text for numbers in (*RANGES.values(), range(900, 1000)))


def error_codes():
    return {
        path.stem: [
            int(match['value'].strip('= '))
            for _, match in declarations(path)
            if match['name'].startswith('ERROR_') and match['name'] != 'ERROR_NONE'
        ]
        for path in interface_files()
    }


def test_error_codes_are_unique_and_each_server_has_a_range_of_its_own():
    codes = {name: values for name, values in error_codes().items() if values}
    assert set(codes) == set(RANGES)
    for name, values in codes.items():
        assert len(set(values)) == len(values)
        assert all(value in RANGES[name] for value in values), name


def test_status_0_means_unknown_and_never_fine():
    for path in interface_files():
        for number, match in declarations(path):
            if match['value'] and match['value'].strip('= ') == '0':
                assert match['name'].endswith(('_UNKNOWN', '_NONE')), f'{path.name}:{number} {match["name"]}'


def test_the_tree_is_really_read():
    names = {short(path) for path in modules()}
    assert 'enpire_core/enpire_core/joints.py' in names and len(interface_files()) >= 13
