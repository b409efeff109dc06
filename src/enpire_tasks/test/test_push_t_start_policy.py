"""What the start policy of Push-T declares for a search, and whether its code knows all of it."""

import ast
import math
import types

import numpy as np
import pytest
from enpire_policy import Unreachable
from enpire_research.agents.builtin import space
from enpire_tasks import registry
from enpire_tasks.push_t import geometry as g

with open(registry.get('push_t').start_policy, encoding='utf-8') as handle:
    SOURCE = handle.read()
TREE = ast.parse(SOURCE)
ASSIGNED = [(target.id, node.value) for node in TREE.body if isinstance(node, ast.Assign)
            for target in node.targets if isinstance(target, ast.Name)]
VARY = ast.literal_eval(dict(ASSIGNED)['VARY'])
NUMBERS = [name for name, spec in VARY.items() if 'options' not in spec]
OPTIONS = [(name, option) for name, spec in VARY.items() for option in spec.get('options', ())]


def policy(**values):
    """Return the start policy as a namespace, with ``values`` in the place of its own."""
    module = types.ModuleType('start_policy')
    exec(compile(TREE, 'start_policy.py', 'exec'), module.__dict__)  # pylint: disable=exec-used
    for name, value in values.items():
        assert hasattr(module, name)
        setattr(module, name, value)
    return module


def in_force(name):
    """Return the value that stands in the file."""
    return ast.literal_eval(dict(ASSIGNED)[name])


def test_the_built_in_researcher_can_read_what_may_vary():
    assert set(space.read(SOURCE).values) == set(VARY)


@pytest.mark.parametrize('name', VARY)
def test_what_may_vary_is_one_literal_of_the_file_that_its_code_reads(name):
    assert [assigned for assigned, _ in ASSIGNED].count(name) == 1
    assert isinstance(in_force(name), str if 'options' in VARY[name] else (int, float))
    reads = sum(isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
                for node in ast.walk(TREE))
    assert reads or name in policy().BLOCKS
    assert VARY[name]['helps']


@pytest.mark.parametrize('name', NUMBERS)
def test_a_number_begins_inside_its_range_and_not_in_the_middle(name):
    low, high, value = VARY[name]['low'], VARY[name]['high'], in_force(name)
    assert low < value < high
    for centre in ((low + high) / 2, math.sqrt(low * high)):
        assert not math.isclose(value, centre, rel_tol=0.02)


@pytest.mark.parametrize('name, option', OPTIONS)
def test_every_option_names_a_block_and_no_block_is_left_out(name, option):
    blocks = policy(**{name: option}).chosen_blocks()
    assert callable(blocks[name]) and set(blocks) == {one for one, _ in OPTIONS}
    assert list(policy().BLOCKS[name]) == VARY[name]['options']


@pytest.mark.parametrize('name', sorted({name for name, _ in OPTIONS}))
def test_an_unknown_option_is_refused_before_anything_moves(name):
    with pytest.raises(ValueError, match=f"{name}: expected one of .*, got 'by_magic'"):
        policy(**{name: 'by_magic'}).run(None)


@pytest.mark.parametrize('option', VARY['CHOOSE']['options'])
@pytest.mark.parametrize('pose', [(0.25, 0.10, 2.0), (0.40, -0.12, -1.0), (0.32, 0.004, 0.80)])
def test_each_way_to_choose_starts_on_the_edge_of_the_t_and_goes_into_it(option, pose):
    module = policy(CHOOSE=option)
    for done in (0, 1):
        push = module.chosen_blocks()['CHOOSE'](np.array(pose), done)[0]
        local = module.turned(push.contact - np.array(pose[:2]), -pose[2])
        edge = np.array([np.roll(g.OUTLINE, -k, axis=0)[:2] for k in range(len(g.OUTLINE))])
        along = edge[:, 1] - edge[:, 0]
        share = np.clip(((local - edge[:, 0]) * along).sum(1) / (along ** 2).sum(1), 0, 1)
        assert np.linalg.norm(edge[:, 0] + share[:, None] * along - local, axis=1).min() < 0.004
        assert push.heading @ push.normal > 0.3 and push.length >= 0.0
        assert np.linalg.norm(push.heading) == pytest.approx(1.0)


class Reach:
    """A robot that only notes what it is told to do; ``fails`` {arm: number of its line that is out of reach}."""

    def __init__(self, **fails):
        self.said, self._fails, self._lines = [], fails, {'left': 0, 'right': 0}

    def move_to_pose(self, *_pose, speed, arm):
        self._lines[arm] += 1
        if self._lines[arm] == self._fails.get(arm):
            raise Unreachable('too far')
        self.said.append(arm)

    def home(self, speed):
        self.said.append('home')


def pushed(robot):
    module = policy(LEAN='by_distance')
    push = module.straight_push(np.array([0.25, 0.01, 0.8]))
    return module.do(robot, push, module.chosen_blocks(), {'left': np.zeros(2), 'right': np.zeros(2)})


@pytest.mark.parametrize('line', (1, 2, 3))
def test_an_arm_that_can_not_push_is_out_of_the_way_before_the_other_one_tries(line):
    robot = Reach(left=line)
    assert pushed(robot)[0] == 'right'
    assert robot.said == ['left'] * (line - 1) + ['home'] + ['right'] * 4


def test_a_push_after_which_the_arm_can_not_rise_straight_up_is_done_and_not_done_again():
    robot = Reach(left=4)
    assert pushed(robot)[0] == 'left'
    assert robot.said == ['left'] * 3


def test_a_push_that_no_arm_can_do_is_none():
    robot = Reach(left=3, right=1)
    assert pushed(robot) is None and robot.said[-1] == 'home'


def test_a_planned_push_brings_the_t_nearer_to_the_goal_on_the_model():
    module = policy(CHOOSE='by_plan')
    pose = np.array([0.27, 0.08, -1.2])
    push = module.choose_by_plan(pose, 0)[0]
    headings = np.repeat(push.heading[None], len(module.POINTS), axis=0)
    assert np.nanmin(module.cost(module.model(pose, headings))) < module.cost(pose) - 0.3 * push.length


@pytest.mark.parametrize('share', [0.3, 0.8])
def test_a_tool_that_came_too_far_is_learned_along_the_normal(share):
    module = policy(LEARN_SHARE=share)
    learned = {'left': np.zeros(2)}
    module.learn_from_ends(learned, 'left', -0.002, np.array([0.0, 1.0]))
    assert learned['left'] == pytest.approx([0.0, 0.002 * share])
    module.learn_from_ends(learned, 'left', 0.5, np.array([0.0, 1.0]))
    assert learned['left'] == pytest.approx([0.0, 0.002 * share])
