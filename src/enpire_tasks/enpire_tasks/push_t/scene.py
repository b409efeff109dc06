"""The scene of Push-T as data: an MJCF fragment in frame station, and the floor picture.

Drivers add it to the station's own model (arms, table, tray with rim, cameras). The fragment has the T
as a free body and a picture that lies on the tray floor and touches nothing. The T's sides are dark and
its top is orange: from above only the top face has colour, so that the visible sides of a T seen at a
slant do not move its outline.
"""

import math

from enpire_core.scene import TaskScene

from . import geometry as g
from .texture import floor_png

OBJECT_JOINT = 't_block'
MASS = 0.150
# Wood on smooth plastic, 0.4 in tables of sliding friction; the same as the tray's own. MuJoCo takes the
# larger of two: against the rubber of the jaws it is theirs. Torsion and rolling on the floor are left
# out: the corners of the two boxes carry the T, and their sliding friction resists turning.
FRICTION = 0.4
# The orange sheet on top. Thin, so that its own sides show less than a twentieth of a pixel.
CAP = 0.0001

_XML = """<mujoco model="push_t">
  <asset>
    <texture name="push_t_floor" type="2d" file="push_t_floor.png"/>
    <material name="push_t_floor" texture="push_t_floor" texrepeat="1 1" specular="0" shininess="0"/>
    <material name="push_t_top" rgba="1 0.42 0.06 1" specular="0" shininess="0"/>
    <material name="push_t_side" rgba="0.16 0.16 0.16 1" specular="0" shininess="0"/>
  </asset>
  <worldbody>
    <geom name="push_t_floor" type="plane" material="push_t_floor" contype="0" conaffinity="0"
          pos="{floor_pos}" size="{floor_size} 1" quat="0.7071067811865476 0 0 -0.7071067811865476"/>
    <body name="t_block" pos="{body_pos}" quat="{body_quat}">
      <freejoint name="t_block"/>
{geoms}
    </body>
  </worldbody>
</mujoco>
"""


def _numbers(*values):
    return ' '.join(f'{v:.9g}' for v in values)


def _box(name, size, centre_y, mass):
    half = g.THICKNESS / 2
    contact = (f'friction="{FRICTION} 0 0" condim="3" solref="0.0045 1" '
               f'solimp="0.95 0.99 0.0005"')
    return (f'      <geom name="{name}" type="box" material="push_t_side" mass="{mass:.9g}" {contact} '
            f'pos="{_numbers(0, centre_y, 0)}" size="{_numbers(size[0] / 2, size[1] / 2, half)}"/>\n'
            f'      <geom name="{name}_top" type="box" material="push_t_top" mass="0" contype="0" '
            f'conaffinity="0" pos="{_numbers(0, centre_y, half + CAP / 2)}" '
            f'size="{_numbers(size[0] / 2, size[1] / 2, CAP / 2)}"/>')


def body_qpos(pose):
    """Return the free joint's seven values for a T that lies flat on the floor at ``pose``."""
    return [float(pose[0]), float(pose[1]), g.FLOOR_Z + g.THICKNESS / 2,
            math.cos(pose[2] / 2), 0.0, 0.0, math.sin(pose[2] / 2)]


def task_scene(pose=(g.TRAY_CENTRE[0], g.TRAY_CENTRE[1] + 0.08, 0.3)):
    """Return the TaskScene with the T lying at ``pose`` (x, y, yaw) when the world begins."""
    bar_mass = MASS * g.BAR[0] * g.BAR[1] / g.AREA
    geoms = '\n'.join([
        _box('t_bar', g.BAR, (g.BAR_TOP + g.BAR_BOTTOM) / 2, bar_mass),
        _box('t_stem', g.STEM, (g.BAR_BOTTOM + g.STEM_BOTTOM) / 2, MASS - bar_mass)])
    qpos = body_qpos(pose)
    xml = _XML.format(
        floor_pos=_numbers(*g.TRAY_CENTRE, g.PRINT_Z),
        floor_size=_numbers(g.TRAY_SIZE[1] / 2, g.TRAY_SIZE[0] / 2),
        body_pos=_numbers(*qpos[:3]), body_quat=_numbers(*qpos[3:]), geoms=geoms)
    return TaskScene(name='push_t', xml=xml, assets={'push_t_floor.png': floor_png()},
                     object_joints=(OBJECT_JOINT,), initial_qpos={OBJECT_JOINT: qpos})
