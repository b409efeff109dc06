#!/usr/bin/env python3
"""Write urdf/yam_station.urdf from mjcf/yam_station.xml and limits/yam.yaml. Needs numpy and pyyaml only.

    python scripts/make_urdf.py [--check]

`--check` writes nothing and fails where the file is not what would be written; numbers may differ by what
another processor rounds otherwise. A gripper is a joint
`{arm}_gripper` in metres of opening, on a link without shape; both fingers mimic it at half its value.
"""

import argparse
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import yaml

HERE = Path(__file__).resolve().parent.parent
MJCF, URDF, LIMITS = HERE / 'mjcf/yam_station.xml', HERE / 'urdf/yam_station.urdf', HERE / 'limits/yam.yaml'
MESHES = 'package://enpire_description/meshes/'
HEADER = """<?xml version="1.0"?>
<!-- Written by scripts/make_urdf.py from mjcf/yam_station.xml and limits/yam.yaml. Do not edit by hand. -->
"""


def vector(text, default='0 0 0'):
    """Return the numbers of an attribute."""
    return np.array((text or default).split(), dtype=np.float64)


def rotation(quaternion):
    """Return the (3, 3) matrix of a quaternion (w, x, y, z)."""
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                     [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                     [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]])


def rpy(matrix):
    """Return roll, pitch, yaw with R = Rz(yaw) Ry(pitch) Rx(roll)."""
    flat = np.hypot(matrix[0, 0], matrix[1, 0])
    pitch = np.arctan2(-matrix[2, 0], flat)
    if flat < 1e-9:
        return np.array([np.arctan2(-matrix[1, 2], matrix[1, 1]), pitch, 0.0])
    return np.array([np.arctan2(matrix[2, 1], matrix[2, 2]), pitch, np.arctan2(matrix[1, 0], matrix[0, 0])])


def words(values):
    """Return numbers as text that reads back to the same bits; whole numbers short."""
    return ' '.join(repr(float(value) + 0.0).removesuffix('.0') for value in values)


def origin(parent, position, matrix):
    """Add an <origin>."""
    ET.SubElement(parent, 'origin', xyz=words(position), rpy=words(rpy(matrix)))


def frame_of(element):
    """Return position and rotation of an MJCF element."""
    return vector(element.get('pos')), rotation(vector(element.get('quat'), '1 0 0 0'))


def along(start, end):
    """Return the middle, a rotation whose z runs from start to end, and the length."""
    axis = end - start
    length = np.linalg.norm(axis)
    z = axis / length
    x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.9 else [1.0, 0.0, 0.0], z)
    x /= np.linalg.norm(x)
    return (start + end) / 2, np.column_stack([x, np.cross(z, x), z]), length


class Builder:
    """Turns the bodies of the MJCF into links and joints of a URDF."""

    def __init__(self):
        self.mjcf = ET.parse(MJCF).getroot()
        self.limits = yaml.safe_load(LIMITS.read_text(encoding='utf-8'))['joints']
        self.colours = {m.get('name'): m.get('rgba') for m in self.mjcf.iter('material')}
        self.robot = ET.Element('robot', name='yam_station')

    def build(self):
        """Return the URDF as text."""
        for name, rgba in self.colours.items():
            ET.SubElement(ET.SubElement(self.robot, 'material', name=name), 'color', rgba=rgba)
        ET.SubElement(self.robot, 'link', name='station')
        for body in self.mjcf.find('worldbody').findall('body'):
            self.body(body, 'station')
        ET.indent(self.robot, ' ')
        return HEADER + ET.tostring(self.robot, encoding='unicode') + '\n'

    def body(self, body, parent):
        """Add a body, what hangs on it, and the joint to its parent."""
        name = body.get('name')
        self.link(body)
        if name.endswith('_flange'):
            self.gripper(name.split('_')[0], name)
        self.joint(body, parent)
        for site in body.findall('site'):
            ET.SubElement(self.robot, 'link', name=site.get('name'))
            self.fixed(site.get('name'), name, *frame_of(site))
        for child in body.findall('body'):
            self.body(child, name)

    def link(self, body):
        """Add a link with inertia, looks and contact shapes."""
        link = ET.SubElement(self.robot, 'link', name=body.get('name'))
        source = body.find('inertial')
        inertial = ET.SubElement(link, 'inertial')
        origin(inertial, *frame_of(source))
        ET.SubElement(inertial, 'mass', value=source.get('mass'))
        ixx, iyy, izz = source.get('diaginertia').split()
        ET.SubElement(inertial, 'inertia', ixx=ixx, iyy=iyy, izz=izz, ixy='0', ixz='0', iyz='0')
        for geom in body.findall('geom'):
            self.geom(link, geom)

    def geom(self, link, geom):
        """Add a geom as <visual> or <collision>; a capsule becomes a cylinder and two spheres."""
        visual = geom.get('class') == 'visual'
        kind, size = geom.get('type', 'mesh'), vector(geom.get('size'))
        if geom.get('fromto'):
            ends = vector(geom.get('fromto')).reshape(2, 3)
            position, matrix, length = along(*ends)
            if kind == 'capsule':
                for end in ends:
                    self.shape(link, visual, end, np.eye(3), 'sphere', radius=words(size[:1]))
            self.shape(link, visual, position, matrix, 'cylinder', radius=words(size[:1]), length=words([length]))
            return
        position, matrix = frame_of(geom)
        attributes = {'mesh': {'filename': f'{MESHES}{geom.get("mesh")}.stl'}, 'box': {'size': words(2 * size)},
                      'cylinder': {'radius': words(size[:1]), 'length': words(2 * size[1:2])}}[kind]
        element = self.shape(link, visual, position, matrix, kind, **attributes)
        if visual:
            ET.SubElement(element, 'material', name=geom.get('material'))

    @staticmethod
    def shape(link, visual, position, matrix, kind, **attributes):
        """Add one shape."""
        element = ET.SubElement(link, 'visual' if visual else 'collision')
        origin(element, position, matrix)
        ET.SubElement(ET.SubElement(element, 'geometry'), kind, **attributes)
        return element

    def joint(self, body, parent):
        """Add the joint between a body and its parent."""
        name, source = body.get('name'), body.find('joint')
        if source is None:
            self.fixed(name, parent, *frame_of(body))
            return
        arm, kind = source.get('name').split('_', 1)
        slides = source.get('type') == 'slide'
        joint = self.joint_element(source.get('name'), 'prismatic' if slides else 'revolute', parent, name)
        origin(joint, *frame_of(body))
        ET.SubElement(joint, 'axis', xyz=words(vector(source.get('axis'))))
        if slides:
            low, high = source.get('range').split()
            row = self.limits['gripper']
            ET.SubElement(joint, 'limit', lower=low, upper=high, effort=words([row['effort']]),
                          velocity=words([row['velocity'] / 2]))
            ET.SubElement(joint, 'mimic', joint=f'{arm}_gripper', multiplier='0.5', offset='0')
        else:
            self.limit(joint, kind)

    def limit(self, joint, kind):
        """Add the hard limits of a kind of joint."""
        row = self.limits[kind]
        ET.SubElement(joint, 'limit', lower=words(row['position'][:1]), upper=words(row['position'][1:]),
                      effort=words([row['effort']]), velocity=words([row['velocity']]))

    def gripper(self, arm, flange):
        """Add the joint that both fingers follow."""
        ET.SubElement(self.robot, 'link', name=f'{arm}_gripper_opening')
        joint = self.joint_element(f'{arm}_gripper', 'prismatic', flange, f'{arm}_gripper_opening')
        origin(joint, np.zeros(3), np.eye(3))
        ET.SubElement(joint, 'axis', xyz='1 0 0')
        self.limit(joint, 'gripper')

    def fixed(self, child, parent, position, matrix):
        """Add a fixed joint."""
        origin(self.joint_element(f'{child}_mount', 'fixed', parent, child), position, matrix)

    def joint_element(self, name, kind, parent, child):
        """Add a joint between two links."""
        joint = ET.SubElement(self.robot, 'joint', name=name, type=kind)
        ET.SubElement(joint, 'parent', link=parent)
        ET.SubElement(joint, 'child', link=child)
        return joint


NUMBER = re.compile(r'(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])')


def same(text, other):
    """Return whether two texts are equal but for numbers that differ by less than 1e-12."""
    numbers, others = ([float(number) for number in NUMBER.findall(t)] for t in (text, other))
    return (NUMBER.sub('#', text) == NUMBER.sub('#', other)
            and all(abs(a - b) < 1e-12 for a, b in zip(numbers, others)))


def main():
    """Write the file, or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--check', action='store_true', help='compare with the file, write nothing')
    text = Builder().build()
    if not parser.parse_args().check:
        URDF.parent.mkdir(exist_ok=True)
        URDF.write_text(text, encoding='utf-8')
    elif not same(URDF.read_text(encoding='utf-8'), text):
        sys.exit(f'{URDF}: expected what {MJCF.name} and {LIMITS.name} give: run scripts/make_urdf.py')


if __name__ == '__main__':
    main()
