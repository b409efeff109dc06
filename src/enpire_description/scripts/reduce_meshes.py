#!/usr/bin/env python3
"""Make the meshes of this package from those of the `dreamscale-i2rt` wheel. Run by hand, rarely.

    pip install dreamscale-i2rt==1.3.6.post1 mujoco==4.0.0 fast-simplification==0.2.0 scipy
    python scripts/reduce_meshes.py

Each mesh of the station `yam_station_linear_4310_d405` is brought into the frame of its link (the pose
of its geom is baked in), its vertices are merged on a fine grid (the CAD export is not watertight, which
stops the decimation), then it is decimated. 208 thousand faces become 12 thousand. The closed faces of
the fingertips are kept where they were to 0.1 mm. Needs the wheel; the result is committed, so nobody
else does.
"""

import importlib.util
from pathlib import Path

import fast_simplification
import mujoco
import numpy as np
from scipy.spatial import cKDTree

STATION = 'robot_models/station/yam_station_linear_4310_d405/yam_station_linear_4310_d405.xml'
MESHES = Path(__file__).resolve().parent.parent / 'meshes'
# Mesh in the wheel -> (our name, faces to keep, grid of the merge [m]).
TARGETS = {
    'base': ('base', 500, 0.0015), 'link1': ('link1', 450, 0.0015), 'link2': ('link2', 1000, 0.0015),
    'link3': ('link3', 1000, 0.0015), 'link4': ('link4', 600, 0.001), 'link5': ('link5', 350, 0.001),
    'gripper': ('flange', 700, 0.001), 'tip_left': ('tip_left', 650, 0.0008),
    'tip_right': ('tip_right', 650, 0.0008), 'd405_wrist_linear_4310': ('wrist_camera', 500, 0.001),
    'd405_top': ('top_camera', 400, 0.001)}


def station_model():
    """Return the wheel's station as an MjModel; its robot code is not imported."""
    spec = importlib.util.find_spec('i2rt')
    if spec is None:
        raise SystemExit('expected the package dreamscale-i2rt to be installed: see the top of this file')
    return mujoco.MjModel.from_xml_path(str(Path(spec.submodule_search_locations[0]) / STATION))


def in_link_frame(model, geom):
    """Return vertices (N, 3) of a geom's mesh in the frame of its body, and its faces (M, 3).

    MuJoCo moves a mesh to its centre of mass and turns it; the geom's compiled pose undoes that.
    """
    mesh = model.geom_dataid[geom]
    first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, model.geom_quat[geom])
    vertices = model.mesh_vert[first:first + count] @ rotation.reshape(3, 3).T + model.geom_pos[geom]
    first, count = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
    return vertices, model.mesh_face[first:first + count]


def merge(vertices, faces, grid):
    """Merge the vertices of each cell of a grid [m]; drop the faces that collapse or double."""
    cells, index = np.unique(np.round(vertices / grid).astype(np.int64), axis=0, return_inverse=True)
    index = index.ravel()
    merged = np.zeros((len(cells), 3))
    np.add.at(merged, index, vertices)
    merged /= np.bincount(index)[:, None]
    faces = index[faces]
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (a != c)]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    return merged, faces[np.sort(first)]


def reduce(vertices, faces, target, grid):
    """Return vertices and about ``target`` faces that look like the given ones."""
    merged, kept = merge(vertices, faces, grid)
    if len(kept) <= target:
        return merged, kept
    return fast_simplification.simplify(merged.astype(np.float32), kept.astype(np.int32),
                                        target_count=target, agg=5)


def write_stl(path, vertices, faces):
    """Write a binary STL [m]."""
    corners = vertices[faces].astype('<f4')
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
    records = np.zeros(len(faces), dtype=[('n', '<f4', 3), ('v', '<f4', (3, 3)), ('attribute', '<u2')])
    records['n'], records['v'] = normals, corners
    path.write_bytes(b'\0' * 80 + np.uint32(len(faces)).tobytes() + records.tobytes())


def main():
    """Write all meshes and say how far each strays from the original."""
    model = station_model()
    MESHES.mkdir(exist_ok=True)
    done = set()
    for geom in range(model.ngeom):
        mesh = model.mesh(model.geom_dataid[geom]).name
        if mesh in done:
            continue
        done.add(mesh)
        name, target, grid = TARGETS[mesh]
        vertices, faces = in_link_frame(model, geom)
        new_vertices, new_faces = reduce(vertices, faces, target, grid)
        write_stl(MESHES / f'{name}.stl', np.asarray(new_vertices), np.asarray(new_faces))
        stray = cKDTree(vertices).query(new_vertices)[0].max()
        print(f'{name:14s} {len(faces):6d} -> {len(new_faces):5d} faces, extent '
              f'{np.round(np.ptp(new_vertices, axis=0) * 1000, 1)} mm (was '
              f'{np.round(np.ptp(vertices, axis=0) * 1000, 1)}), stray {1000 * stray:.2f} mm')


if __name__ == '__main__':
    main()
