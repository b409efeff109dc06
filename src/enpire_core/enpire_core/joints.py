"""Names and order of a station's joints: two arms of six joints and a gripper each.

The order here is the order of every array of 14 in this project. Messages carry names, and what a
message says is put into this order by name (`enpire_core.conversions`), never by position.
"""

ARMS = ('left', 'right')
ARM_DOF = 6


def arm_joints(arm):
    """Return the six joint names of ``arm`` ('left' or 'right'), base first."""
    return tuple(f'{arm}_joint{i}' for i in range(1, ARM_DOF + 1))


def gripper_joint(arm):
    """Return the name of the gripper joint of ``arm``: its opening in metres, 0 closed."""
    return f'{arm}_gripper'


JOINT_NAMES = tuple(name for arm in ARMS for name in (*arm_joints(arm), gripper_joint(arm)))
JOINT_COUNT = len(JOINT_NAMES)
ARM_SLICE = {arm: slice(7 * i, 7 * i + ARM_DOF) for i, arm in enumerate(ARMS)}
GRIPPER_INDEX = {arm: 7 * i + ARM_DOF for i, arm in enumerate(ARMS)}
POSITION_UNIT = {name: 'm' if name.endswith('_gripper') else 'rad' for name in JOINT_NAMES}
EFFORT_UNIT = {name: 'N' if name.endswith('_gripper') else 'Nm' for name in JOINT_NAMES}


def station_positions(pose):
    """Return ``pose``, {'left': six rad, 'right': six rad, 'gripper': m of either}, in the order of JOINT_NAMES."""
    return tuple(float(value) for arm in ARMS for value in (*pose[arm], pose['gripper']))
