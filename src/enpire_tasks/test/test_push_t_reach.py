"""The reach figures against the robot's own kinematics, and the plans of carries."""

import math

import mujoco
import numpy as np
import pytest
import yaml
from enpire_description import share_path
from enpire_tasks.push_t import geometry as g
from enpire_tasks.push_t import grasps, reach
from enpire_tasks.push_t.start import draw_start

SOFT = 0.05


@pytest.fixture(scope='module')
def arm():
    """Return a function: angles -> (tool position, tool's approach axis, yaw) of the left arm."""
    model = mujoco.MjModel.from_xml_path(str(share_path('mjcf', 'yam_station.xml')))
    data = mujoco.MjData(model)
    addresses = [model.joint(f'left_joint{i}').qposadr[0] for i in range(1, 7)]

    def forward(angles):
        data.qpos[addresses] = angles
        mujoco.mj_kinematics(model, data)
        matrix = data.site('tcp_left').xmat.reshape(3, 3)
        return data.site('tcp_left').xpos.copy(), matrix[:, 2].copy(), math.atan2(matrix[1, 0], matrix[0, 0])
    return forward


def far_end(arm, height, lean):
    """Return the largest distance at which the tool stands at ``height`` with ``lean``, by a scan."""
    best = 0.0
    for q2 in np.arange(0.06, 3.6, 0.03):
        for q3 in np.arange(0.06, 3.09, 0.03):
            q4 = q2 - q3 - math.pi / 2 + lean
            if not -1.693 + SOFT <= q4 <= 1.5708 - SOFT:
                continue
            position, _, _ = arm((0, q2, q3, q4, 0, 0))
            if abs(position[2] - height) < 0.008:
                best = max(best, float(position[0]))
    return best


@pytest.mark.parametrize('height, lean', [(0.03, 0.0), (0.06, 0.0), (0.10, 0.0), (0.06, math.radians(10))])
def test_the_arms_reach_as_far_as_the_table_says(arm, height, lean):
    real = far_end(arm, height, lean)
    assert reach.lean_for('left', real - 0.010, 0.305, height) <= lean + math.radians(2.0)
    assert reach.lean_for('left', real + 0.020, 0.305, height) > lean


def test_joint_1_is_the_bearing_and_joint_6_the_rest(arm):
    position, approach, yaw = arm((0.4, 1.68, 1.35, -1.24, 0, 0.7))
    assert approach[2] < -0.999
    assert reach.bearing('left', *position[:2]) == pytest.approx(0.4, abs=2e-3)
    assert abs(reach.turn_for('left', *position[:2], yaw)) == pytest.approx(0.7, abs=2e-3)


@pytest.mark.parametrize('lean', [0.0, 0.2])
def test_a_tool_pose_leans_outward(lean):
    x, y, z, roll, pitch, yaw = reach.tool_pose('right', 0.30, 0.10, 0.05, 0.6, lean)
    from scipy.spatial.transform import Rotation
    approach = Rotation.from_euler('ZYX', [yaw, pitch, roll]).as_matrix()[:, 2]
    out = np.array([0.30, 0.10 + 0.305]) / math.hypot(0.30, 0.405)
    assert approach[:2] @ out == pytest.approx(math.sin(lean), abs=1e-9)
    assert approach[2] == pytest.approx(-math.cos(lean), abs=1e-9)


def test_the_tray_of_the_task_is_that_of_the_station():
    tray = yaml.safe_load(share_path('config', 'station.yaml').read_text(encoding='utf-8'))['tray']
    assert tuple(tray['centre']) == g.TRAY_CENTRE and tuple(tray['size']) == g.TRAY_SIZE
    assert tray['floor_z'] == g.FLOOR_Z and tray['rim_height'] == g.RIM_HEIGHT


def test_every_pose_in_the_tray_can_be_carried_to_every_start():
    random = np.random.default_rng(0)
    half = np.array(g.TRAY_SIZE) / 2
    stages = []
    for seed in range(300):
        while True:
            pose = (*(np.array(g.TRAY_CENTRE) + random.uniform(-half, half)), random.uniform(-math.pi, math.pi))
            if g.inside_tray(pose):
                break
        carries = grasps.plan(pose, draw_start(seed))
        assert 1 <= len(carries) <= 2, pose
        assert carries[0].pick == tuple(pose) and carries[-1].place == draw_start(seed)
        stages.append(len(carries))
    assert np.mean(stages) < 1.2


def test_a_carry_holds_the_t_at_the_same_place_at_both_ends():
    carry = grasps.Carry('left', grasps.GRASPS[1], math.pi, (0.30, 0.05, 0.4), (0.35, 0.0, -2.0))
    for pose in (carry.pick, carry.place):
        x, y, yaw = carry.tool(pose)
        local = (np.array([x, y]) - pose[:2]) @ g.rotation(pose[2])
        assert local == pytest.approx((carry.grasp.x, carry.grasp.y))
        # The jaws close along the tool's y axis, at yaw - 90 degrees: across the bar.
        jaws = g.wrap(yaw - math.pi / 2 - pose[2])
        assert abs(math.cos(jaws - carry.grasp.axis)) == pytest.approx(1.0)


def test_a_t_that_no_arm_reaches_has_no_plan():
    assert grasps.plan((0.80, 0.0, 0.0), draw_start(1)) == []
