"""The capsules of limits/yam.yaml contain what they stand for. Needs mujoco."""

import mujoco
import numpy as np
import pytest
import yaml

from enpire_description import share_path

from .test_meshes import mesh_vertices

LIMITS = yaml.safe_load(share_path('limits', 'yam.yaml').read_text())
MOVING = ('base_link', 'link1', 'link2', 'link3', 'link4', 'link5', 'flange', 'tip_left', 'tip_right',
          'wrist_camera_color_optical_frame')


@pytest.fixture(scope='module')
def model():
    return mujoco.MjModel.from_xml_path(str(share_path('mjcf', 'yam_station.xml')))


def outside(points, capsules):
    """Return how far each point is outside all ``capsules`` [m]; negative inside."""
    found = []
    for one in capsules:
        start, way = np.array(one['from']), np.subtract(one['to'], one['from'])
        along = np.clip((points - start) @ way / max(way @ way, 1e-12), 0.0, 1.0)
        found.append(np.linalg.norm(points - start - along[:, None] * way, axis=1) - one['radius'])
    return np.min(found, axis=0)


def test_every_link_with_a_mesh_has_capsules():
    assert tuple(LIMITS['capsules']) == MOVING


@pytest.mark.parametrize('arm', ['left', 'right'])
@pytest.mark.parametrize('link', MOVING)
def test_the_capsules_of_a_link_contain_its_mesh(model, arm, link):
    assert outside(mesh_vertices(model, f'{arm}_{link}'), LIMITS['capsules'][link]).max() <= 0.0


def test_what_must_be_kept_away_from_contains_the_top_camera(model):
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    camera = data.body('top_camera_color_optical_frame')
    points = mesh_vertices(model, 'top_camera_color_optical_frame') @ camera.xmat.reshape(3, 3).T + camera.xpos
    assert outside(points, [LIMITS['station']['keep_out']['top_camera']]).max() <= 0.0
