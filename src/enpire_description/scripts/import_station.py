#!/usr/bin/env python3
"""Write mjcf/yam_station.xml from the station of the `dreamscale-i2rt` wheel. Run by hand, rarely.

Takes frames, inertias, joint axes and ranges from i2rt at full precision; adds what i2rt leaves out:
frame `station`, primitive contact shapes (fitted to the meshes, see test_meshes.py), colours, cameras,
the finger coupling, the exclusion of neighbours. Needs the wheel (see reduce_meshes.py); the result is
committed. Afterwards run make_urdf.py.
"""

from pathlib import Path

import numpy as np
from reduce_meshes import station_model

OUT = Path(__file__).resolve().parent.parent / 'mjcf' / 'yam_station.xml'
ARM_Y = {'left': 0.305, 'right': -0.305}
# Each finger's travel as in i2rt's own gripper model; the station's file says 46.95 mm.
FINGER_TRAVEL = 0.0475
# The wheel gives the cameras the weight of dust. 60 g camera (data sheet) and about 45 g of bracket.
CAMERA_MASS, CAMERA_INERTIA = 0.105, '6.5e-05 4.5e-05 3.8e-05'
# i2rt's tcp, turned by half a turn about its approach axis: so a tool that points down with joints 1, 5
# and 6 at zero has roll pi, pitch 0, yaw 0. The jaws move along its y axis.
TCP_QUAT = '0.7071067811865476 0 0 -0.7071067811865476'
OPTICAL = 'camera_color_optical_frame'
TOP_CAMERA = 'pos="0.32 0 0.70" quat="0 0.7071067811865476 -0.7071067811865476 0"'
COLOUR = {'base_link': 'charcoal', 'link1': 'white', 'link2': 'grey', 'link3': 'grey', 'link4': 'white',
          'link5': 'charcoal', 'flange': 'charcoal', 'tip_left': 'black', 'tip_right': 'black'}

# Contact shapes, in the frame of their link [m].
SHAPES = {
    'base_link': ['type="box" pos="0 0 0.006" size="0.035 0.1 0.006"',
                  'type="cylinder" pos="0 0 0.0365" size="0.033 0.0365"'],
    'link1': [],
    'link2': ['type="capsule" fromto="0 -0.0334 0.02 0 -0.0334 0.244" size="0.033"',
              'type="cylinder" fromto="0 -0.0668 0 0 0 0" size="0.032"',
              'type="cylinder" fromto="0 -0.0668 0.264 0 0 0.264" size="0.032"'],
    'link3': ['type="capsule" fromto="-0.06 -0.035 -0.06 -0.06 -0.035 -0.215" size="0.034"',
              'type="box" pos="-0.03 -0.035 0" size="0.061 0.0445 0.0315"',
              'type="cylinder" fromto="-0.06 -0.0695 -0.242 -0.06 -0.0005 -0.242" size="0.0315"'],
    'link4': ['type="box" pos="-0.012 0.03 -0.016" size="0.0295 0.043 0.0335"',
              'type="cylinder" fromto="-0.098 0.0339 -0.074 -0.0405 0.0339 -0.074" size="0.0295"',
              'type="box" pos="-0.069 0.034 -0.05" size="0.0285 0.022 0.025"'],
    'link5': ['type="box" pos="0.0345 0 -0.001" size="0.0345 0.0285 0.0345"'],
    'flange': ['type="box" pos="0 0 0.03475" size="0.051 0.0325 0.04525"'],
    'wrist': ['type="box" pos="0 0.019 -0.03" size="0.029 0.04 0.03"'],
}
# Of a finger, in the frame of the flange with the gripper closed; the left one is at x < 0 there.
# The two last are the facets that grasp and push: they meet at x = 0.
FINGER = [
    ('finger', (-0.0238, -0.0025), (-0.033, 0.033), (0.0725, 0.0915)),
    ('finger', (-0.0135, -0.0030), (-0.019, 0.019), (0.0900, 0.1292)),
    ('pad', (-0.0062, 0.0), (-0.0125, 0.0125), (0.1292, 0.1385)),
    ('pad', (-0.0045, 0.0), (-0.0090, 0.0090), (0.1385, 0.1468)),
]
# Beside neighbours (which MuJoCo leaves out itself, except with the base, which does not move).
EXCLUDED = [('base_link', 'link1'), ('base_link', 'link2'), ('link1', 'link3'), ('link2', 'link4'),
            ('link3', 'link5'), ('link4', 'flange'), ('flange', 'tip_left'), ('flange', 'tip_right'),
            ('tip_left', 'tip_right')]

HEADER = """<!-- Two YAM arms with linear_4310 grippers, wrist cameras and a top camera, in frame station: origin on
     the table midway between the bases, x forward, y left, z up; metres, radians. The robot alone: the
     simulation adds actuators, table and tray.

     Written by scripts/import_station.py from `yam_station_linear_4310_d405` of dreamscale-i2rt
     1.3.6.post1 (MIT, see meshes/LICENSE). Do not edit by hand. Bodies are links of the URDF. -->
<mujoco model="yam_station">
  <compiler angle="radian" meshdir="../meshes" autolimits="true"/>
  <default>
    <default class="visual">
      <geom type="mesh" contype="0" conaffinity="0" group="2" mass="0"/>
    </default>
    <default class="collision">
      <geom group="3" mass="0" rgba="0.9 0.5 0.3 0.4" friction="0.4 0.005 0.0001" solref="0.0045 1"
            solimp="0.95 0.99 0.0005"/>
      <default class="pad">
        <geom condim="4" friction="0.9 0.01 0.0001"/>
      </default>
    </default>
  </default>
  <asset>
    <material name="charcoal" rgba="0.13 0.13 0.14 1" specular="0.3" shininess="0.4"/>
    <material name="grey" rgba="0.28 0.28 0.30 1" specular="0.3" shininess="0.4"/>
    <material name="white" rgba="0.82 0.82 0.80 1" specular="0.2" shininess="0.3"/>
    <material name="black" rgba="0.07 0.07 0.08 1" specular="0.2" shininess="0.2"/>
    <material name="aluminium" rgba="0.62 0.64 0.66 1" specular="0.5" shininess="0.6"/>
    <material name="accent" rgba="0.70 0.71 0.72 1" specular="0.2" shininess="0.3"/>
{meshes}
  </asset>
"""


def numbers(values):
    """Return numbers as they read back, zeros of the CAD export (1e-12) as 0."""
    return ' '.join('0' if abs(v) < 1e-12 else repr(float(v)).removesuffix('.0') for v in values)


def pose(body_or_geom):
    """Return the attributes pos and quat of a compiled body."""
    return f'pos="{numbers(body_or_geom.pos)}" quat="{numbers(body_or_geom.quat)}"'


def inertial(body):
    """Return the inertial element of a compiled body."""
    return (f'<inertial pos="{numbers(body.ipos)}" quat="{numbers(body.iquat)}" '
            f'mass="{numbers(body.mass)}" diaginertia="{numbers(body.inertia)}"/>')


class Writer:
    """Collects lines with their indentation."""

    def __init__(self):
        self.lines, self.depth = [], 1

    def add(self, text):
        self.lines.append('  ' * self.depth + text)

    def open(self, text):
        self.add(text)
        self.depth += 1

    def close(self, tag):
        self.depth -= 1
        self.add(f'</{tag}>')


def shapes(out, link, arm, shape_list, kind='collision'):
    """Write the contact shapes of one link."""
    for index, shape in enumerate(shape_list):
        out.add(f'<geom name="{arm}_{link}_{kind}{index}" class="{kind}" {shape}/>')


def finger_shapes(out, model, arm, tip):
    """Write the boxes of one finger, brought from the flange's frame into the finger's."""
    import mujoco
    body = model.body(f'{arm}_{tip}')
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, body.quat)
    rotation = rotation.reshape(3, 3)
    inverse = np.zeros(4)
    mujoco.mju_negQuat(inverse, body.quat)
    sign = 1 if tip == 'tip_left' else -1
    for index, (kind, x, y, z) in enumerate(FINGER):
        box = np.array([sorted(sign * np.array(x)), y, z])
        centre = rotation.T @ (box.mean(axis=1) - body.pos)
        half = np.abs(np.diff(box, axis=1).ravel()) / 2
        out.add(f'<geom name="{arm}_{tip}_{kind}{index}" class="{"pad" if kind == "pad" else "collision"}" '
                f'type="box" pos="{numbers(np.round(centre, 9))}" quat="{numbers(inverse)}" '
                f'size="{numbers(half)}"/>')


def finger(out, model, arm, tip, joint):
    """Write one finger."""
    source = model.body(f'{arm}_{tip}')
    out.open(f'<body name="{arm}_{tip}" {pose(source)}>')
    out.add(inertial(source))
    out.add(f'<joint name="{arm}_{tip}" type="slide" axis="{numbers(model.joint(joint).axis)}" '
            f'range="0 {FINGER_TRAVEL}"/>')
    out.add(f'<geom class="visual" mesh="{tip}" material="{COLOUR[tip]}"/>')
    finger_shapes(out, model, arm, tip)
    out.close('body')


def arm_body(out, model, arm):
    """Write one arm, nested as its chain is."""
    out.open(f'<body name="{arm}_base_link" pos="0 {ARM_Y[arm]} 0">')
    out.add(inertial(model.body(f'{arm}_base')))
    out.add(f'<geom class="visual" mesh="base" material="{COLOUR["base_link"]}"/>')
    out.add('<geom class="visual" type="box" pos="0 0 0.003" size="0.042 0.106 0.003" material="accent"/>')
    shapes(out, 'base_link', arm, SHAPES['base_link'])
    links = [f'link{i}' for i in range(1, 6)] + ['flange']
    for index, link in enumerate(links, start=1):
        source = model.body(f'{arm}_{link}' if link != 'flange' else f'{arm}_gripper')
        joint = model.joint(f'{arm}_joint{index}')
        low, high = joint.range if abs(joint.range[0]) > 1e-12 else (0.0, joint.range[1])
        out.open(f'<body name="{arm}_{link}" {pose(source)}>')
        out.add(inertial(source))
        out.add(f'<joint name="{arm}_joint{index}" axis="{numbers(joint.axis)}" range="{numbers([low, high])}"/>')
        out.add(f'<geom class="visual" mesh="{link}" material="{COLOUR[link]}"/>')
        shapes(out, link, arm, SHAPES[link])
    position = numbers(model.site(f'tcp_{arm}').pos)
    out.add(f'<site name="tcp_{arm}" pos="{position}" quat="{TCP_QUAT}" size="0.004" group="4"/>')
    finger(out, model, arm, 'tip_left', f'{arm}_joint7')
    finger(out, model, arm, 'tip_right', f'{arm}_joint8')
    camera = model.body(f'{arm}_camera')
    out.open(f'<body name="{arm}_wrist_{OPTICAL}" {pose(camera)}>')
    out.add(f'<inertial pos="0 0.0067 -0.0195" mass="{CAMERA_MASS}" diaginertia="{CAMERA_INERTIA}"/>')
    out.add('<geom class="visual" mesh="wrist_camera" material="aluminium"/>')
    shapes(out, 'wrist_camera', arm, SHAPES['wrist'])
    out.add(f'<camera name="{arm}_wrist_camera" quat="0 1 0 0" fovy="58"/>')
    out.close('body')
    for _ in range(7):
        out.close('body')


def main():
    """Write the file."""
    model = station_model()
    meshes = ['base', 'link1', 'link2', 'link3', 'link4', 'link5', 'flange', 'tip_left', 'tip_right',
              'wrist_camera', 'top_camera']
    out = Writer()
    out.open('<worldbody>')
    for arm in ('left', 'right'):
        arm_body(out, model, arm)
    out.open(f'<body name="top_{OPTICAL}" {TOP_CAMERA}>')
    out.add('<inertial pos="0 0.015 -0.014" mass="0.06" diaginertia="2e-05 2e-05 2e-05"/>')
    out.add('<geom class="visual" mesh="top_camera" material="aluminium"/>')
    out.add('<camera name="top_camera" quat="0 1 0 0" fovy="58"/>')
    out.close('body')
    out.close('worldbody')
    out.open('<equality>')
    for arm in ('left', 'right'):
        out.add(f'<joint name="{arm}_fingers" joint1="{arm}_tip_left" joint2="{arm}_tip_right" '
                'polycoef="0 1 0 0 0" solref="0.0045 1" solimp="0.99 0.999 0.0001"/>')
    out.close('equality')
    out.open('<contact>')
    for arm in ('left', 'right'):
        for one, other in EXCLUDED:
            out.add(f'<exclude body1="{arm}_{one}" body2="{arm}_{other}"/>')
        for link in ('link5', 'tip_left', 'tip_right'):
            out.add(f'<exclude body1="{arm}_{link}" body2="{arm}_wrist_{OPTICAL}"/>')
    out.close('contact')
    header = HEADER.format(meshes='\n'.join(f'    <mesh name="{name}" file="{name}.stl"/>' for name in meshes))
    OUT.write_text(header + '\n'.join(out.lines) + '\n</mujoco>\n', encoding='utf-8')


if __name__ == '__main__':
    main()
