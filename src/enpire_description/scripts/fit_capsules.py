#!/usr/bin/env python3
"""Propose capsules that contain the meshes of an arm's links, for limits/yam.yaml. Run by hand, rarely.

    python scripts/fit_capsules.py [LINK ...]

For each link: one capsule, and two between which its vertices are shared, of little volume; metres, frame of the
link. The radius is rounded up by hand, by a millimetre or so. Needs mujoco and scipy. `test/test_capsules.py` looks
whether what stands in the file contains the meshes.
"""

import sys
from pathlib import Path

import mujoco
import numpy as np
from scipy.optimize import minimize

MODEL = Path(__file__).resolve().parent.parent / 'mjcf' / 'yam_station.xml'
LINKS = ('base_link', 'link1', 'link2', 'link3', 'link4', 'link5', 'flange', 'tip_left', 'tip_right',
         'wrist_camera_color_optical_frame')
ROUNDS, STARTS = 6, 3


def vertices_of(model, body):
    """Return the vertices (N, 3) of all meshes of ``body`` in its frame."""
    found = []
    for geom in range(model.ngeom):
        if model.geom_bodyid[geom] == model.body(body).id and model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH:
            mesh = model.geom_dataid[geom]
            first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
            rotation = np.zeros(9)
            mujoco.mju_quat2Mat(rotation, model.geom_quat[geom])
            found.append(model.mesh_vert[first:first + count] @ rotation.reshape(3, 3).T + model.geom_pos[geom])
    return np.concatenate(found)


def from_line(points, ends):
    """Return (N,): distances of ``points`` from the straight line between ``ends`` (6,)."""
    start, way = ends[:3], ends[3:] - ends[:3]
    along = np.clip((points - start) @ way / max(way @ way, 1e-12), 0.0, 1.0)
    return np.linalg.norm(points - start - along[:, None] * way, axis=1)


def fit(points):
    """Return (volume, ends (6,), radius) of a small capsule around ``points``: from each main axis, the best."""
    def volume(ends):
        radius = from_line(points, ends).max()
        return np.pi * radius**2 * (np.linalg.norm(ends[3:] - ends[:3]) + 4 / 3 * radius)
    middle = points.mean(axis=0)
    found = []
    for axis in np.linalg.svd(points - middle)[2]:
        along = (points - middle) @ axis
        ends = np.r_[middle + 0.6 * along.min() * axis, middle + 0.6 * along.max() * axis]
        for _ in range(ROUNDS // 2):
            ends = minimize(volume, ends, method='Nelder-Mead', options={'maxiter': 4000}).x
        found.append((volume(ends), ends, from_line(points, ends).max()))
    return min(found, key=lambda one: one[0])


def fit_two(points, rng):
    """Return two capsules as of `fit`: each vertex goes to the nearer one, again and again."""
    found = []
    for _ in range(STARTS):
        seeds = points[rng.choice(len(points), 2, replace=False)]
        of = np.argmin(np.linalg.norm(points[:, None] - seeds, axis=2), axis=1)
        for _ in range(ROUNDS):
            if min(np.bincount(of, minlength=2)) < 6:
                break
            pair = [fit(points[of == k]) for k in range(2)]
            of = np.argmin([from_line(points, ends) - radius for _, ends, radius in pair], axis=0)
        else:
            found.append(pair)
    return min(found, key=lambda pair: sum(one[0] for one in pair)) if found else []


def main():
    """Print the proposals for the links that are named, or all."""
    model, rng = mujoco.MjModel.from_xml_path(str(MODEL)), np.random.default_rng(0)
    for link in sys.argv[1:] or LINKS:
        points = vertices_of(model, f'left_{link}')
        for capsules in ([fit(points)], fit_two(points, rng)):
            for _, ends, radius in capsules:
                start, end = ends.round(3).tolist()[:3], ends.round(3).tolist()[3:]
                print(f'{link}: {{from: {start}, to: {end}, radius: {radius:.4f}}}')


if __name__ == '__main__':
    main()
