"""config/station.yaml against the robot it speaks of. Needs mujoco."""

import mujoco
import numpy as np
import pytest
import yaml

from enpire_description import share_path

FIGURES = yaml.safe_load(share_path('config', 'station.yaml').read_text(encoding='utf-8'))
LIMITS = yaml.safe_load(share_path('limits', 'yam.yaml').read_text(encoding='utf-8'))['joints']
BENDING = ('joint2', 'joint3', 'joint4')
GRID = 700


@pytest.fixture(scope='module')
def model():
    return mujoco.MjModel.from_xml_path(str(share_path('mjcf', 'yam_station.xml')))


def soft(joint):
    """Return the soft limits of ``joint`` [rad]."""
    (low, high), margin = LIMITS[joint]['position'], LIMITS[joint]['soft_margin']
    return low + margin, high - margin


def turned(vector, angle):
    """Return (x, z) ``vector`` turned by ``angle`` about +y."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([vector[0] * cos + vector[1] * sin, -vector[0] * sin + vector[1] * cos], -1)


def distances(model, tilt, z):
    """Return the distances of a tcp from the axis of joint 1 that the left arm can have at ``tilt`` and ``z``.

    With joints 1, 5 and 6 at zero the arm bends in one plane; joint 4 then follows from the tilt. All of
    joints 2 and 3 is gone through in small steps.
    """
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    joints = [data.joint(f'left_{name}') for name in BENDING]
    assert all(abs(abs(joint.xaxis[1]) - 1) < 1e-6 for joint in joints)
    signs = [np.sign(joint.xaxis[1]) for joint in joints]
    site = data.site('tcp_left')
    points = [*(joint.xanchor[[0, 2]] for joint in joints), site.xpos[[0, 2]]]
    upper, fore, hand = (after - before for before, after in zip(points, points[1:]))
    pointing = np.arctan2(*site.xmat.reshape(3, 3)[[0, 2], 2])
    first, second = (signs[i] * angles for i, angles in enumerate(np.meshgrid(
        *(np.linspace(*soft(name), GRID) for name in BENDING[:2]), indexing='ij')))
    third = np.arctan2(np.sin(tilt), -np.cos(tilt)) - pointing - first - second
    bend = signs[2] * ((third + np.pi) % (2 * np.pi) - np.pi)
    low, high = soft(BENDING[2])
    tcp = points[0] + turned(upper, first) + turned(fore, first + second) + turned(hand, first + second + third)
    found = (low <= bend) & (bend <= high) & (np.abs(tcp[..., 1] - z) < 4e-4)
    return (tcp[..., 0] - data.joint('left_joint1').xanchor[0])[found]


@pytest.mark.parametrize('row', FIGURES['reach'], ids=lambda row: f'{row["tilt_deg"]} degrees, z {row["z"]}')
def test_the_reach_is_what_the_arm_can_do(model, row):
    found = distances(model, np.radians(row['tilt_deg']), row['z'])
    # Just below the highest point of a tool the distance changes much with z.
    tolerance = 0.008 if row['z'] >= 0.2 else 0.004
    assert found.min() == pytest.approx(row['least'], abs=tolerance)
    assert found.max() == pytest.approx(row['largest'], abs=tolerance)


def test_there_is_no_entry_that_nothing_reads():
    assert set(FIGURES) == {'tray', 'home', 'reach'}


def test_cameras_have_the_field_of_view_of_their_data_sheet(model):
    assert model.ncam == 3
    np.testing.assert_array_equal(model.cam_fovy, 58.0)
