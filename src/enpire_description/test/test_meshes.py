"""Meshes are small, and the contact shapes fit them. Needs mujoco."""

import mujoco
import numpy as np
import pytest

from enpire_description import share_path

BOX, CAPSULE, CYLINDER, MESH = (int(kind) for kind in (
    mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_CYLINDER,
    mujoco.mjtGeom.mjGEOM_MESH))
LINKS = ('base_link', 'link2', 'link3', 'link4', 'link5', 'flange', 'wrist_camera_color_optical_frame')
TIP_FACETS_FROM = 0.1292


@pytest.fixture(scope='module')
def model():
    return mujoco.MjModel.from_xml_path(str(share_path('mjcf', 'yam_station.xml')))


def matrix(quaternion):
    result = np.zeros(9)
    mujoco.mju_quat2Mat(result, quaternion)
    return result.reshape(3, 3)


def geoms_of(model, body):
    identifier = model.body(body).id
    return [g for g in range(model.ngeom) if model.geom_bodyid[g] == identifier]


def mesh_vertices(model, body):
    """Return the vertices of a body's mesh in its frame."""
    geom = next(g for g in geoms_of(model, body) if model.geom_type[g] == MESH)
    mesh = model.geom_dataid[geom]
    first = model.mesh_vertadr[mesh]
    vertices = model.mesh_vert[first:first + model.mesh_vertnum[mesh]]
    return vertices @ matrix(model.geom_quat[geom]).T + model.geom_pos[geom]


def distance_outside(model, geom, points):
    """Return how far points of the body's frame are outside a contact shape [m]; negative inside."""
    local = (points - model.geom_pos[geom]) @ matrix(model.geom_quat[geom])
    size, kind = model.geom_size[geom], model.geom_type[geom]
    if kind == CAPSULE:
        local[:, 2] -= np.clip(local[:, 2], -size[1], size[1])
        return np.linalg.norm(local, axis=1) - size[0]
    assert kind in (BOX, CYLINDER), kind
    over = np.abs(local) - size if kind == BOX else np.c_[np.linalg.norm(local[:, :2], axis=1) - size[0],
                                                         np.abs(local[:, 2]) - size[1]]
    return np.linalg.norm(np.maximum(over, 0), axis=1) + np.minimum(over.max(axis=1), 0)


@pytest.mark.parametrize('arm', ['left', 'right'])
@pytest.mark.parametrize('link', LINKS)
def test_a_links_mesh_is_inside_its_contact_shapes_to_two_centimetres(model, arm, link):
    body = f'{arm}_{link}'
    points = mesh_vertices(model, body)
    shapes = [g for g in geoms_of(model, body) if model.geom_contype[g]]
    outside = np.min([distance_outside(model, g, points.copy()) for g in shapes], axis=0)
    assert outside.max() <= 0.020 and np.mean(outside > 0.010) <= 0.10


@pytest.mark.parametrize('arm', ['left', 'right'])
@pytest.mark.parametrize('tip', ['tip_left', 'tip_right'])
def test_a_fingertip_touches_where_its_mesh_is(model, arm, tip):
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    flange, body = data.body(f'{arm}_flange'), data.body(f'{arm}_{tip}')

    def in_flange(points):
        world = points @ body.xmat.reshape(3, 3).T + body.xpos
        return (world - flange.xpos) @ flange.xmat.reshape(3, 3)

    points = in_flange(mesh_vertices(model, f'{arm}_{tip}'))
    facets = points[points[:, 2] >= TIP_FACETS_FROM - 0.0005]
    corners = []
    for geom in geoms_of(model, f'{arm}_{tip}'):
        if '_pad' in model.geom(geom).name:
            signs = np.stack(np.meshgrid(*[[-1, 1]] * 3), -1).reshape(-1, 3)
            box = (signs * model.geom_size[geom]) @ matrix(model.geom_quat[geom]).T + model.geom_pos[geom]
            corners.append(in_flange(box))
    corners = np.concatenate(corners)
    np.testing.assert_allclose(corners[:, 2].max(), facets[:, 2].max(), atol=0.0005)
    np.testing.assert_allclose(np.abs(corners[:, 1]).max(), np.abs(facets[:, 1]).max(), atol=0.0015)
    inner = np.abs(facets[:, 0]).min(), np.abs(corners[:, 0]).min()
    np.testing.assert_allclose(inner, 0.0, atol=0.0005, err_msg='closed tips must meet')


def test_both_tips_open_to_95_mm_and_away_from_each_other(model):
    data = mujoco.MjData(model)
    names = ('left_tip_left', 'left_tip_right')
    for name in names:
        data.joint(name).qpos = model.joint(name).range[1]
    mujoco.mj_kinematics(model, data)
    open_at = [data.body(name).xpos.copy() for name in names]
    mujoco.mj_resetData(model, data)
    mujoco.mj_kinematics(model, data)
    shut_at = [data.body(name).xpos.copy() for name in names]
    opened = np.linalg.norm((open_at[0] - shut_at[0]) - (open_at[1] - shut_at[1]))
    assert opened == pytest.approx(0.095, abs=1e-6)


def test_the_tool_frame_is_at_the_tips_and_looks_out_of_the_gripper(model):
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    for arm in ('left', 'right'):
        site, flange = data.site(f'tcp_{arm}'), data.body(f'{arm}_flange')
        out = site.xmat.reshape(3, 3)[:, 2]
        assert out @ flange.xmat.reshape(3, 3)[:, 2] == pytest.approx(1.0, abs=1e-9)
        assert (site.xpos - flange.xpos) @ out == pytest.approx(0.14465, abs=1e-5)


def test_the_meshes_are_small(model):
    folder = share_path('meshes')
    assert sum(path.stat().st_size for path in folder.glob('*.stl')) <= 500_000
    drawn = sum(model.mesh_facenum[model.geom_dataid[g]] for g in range(model.ngeom)
                if model.geom_type[g] == MESH)
    assert drawn <= 14_000


def test_the_licence_of_the_meshes_is_beside_them():
    assert 'MIT License' in share_path('meshes', 'LICENSE').read_text()
    assert 'I2RT' in share_path('meshes', 'LICENSE').read_text()
    assert 'dreamscale-i2rt' in share_path('meshes', 'NOTICE').read_text()
