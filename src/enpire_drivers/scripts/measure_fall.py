#!/usr/bin/env python3
"""Let simulated arms fall from some poses, as they do when their power is cut, and print what became of them.

    python scripts/measure_fall.py [--write ../../docs/safety.md]

A Markdown table, which docs/safety.md has between its marks: ``--write`` puts it there. Nothing is drawn: the nominal
station over an empty table, both arms in the same pose, so every run gives the same. A test measures one pose again.

Not covered: real arms. Nothing of this was compared with one.
"""

import argparse
from pathlib import Path

import numpy as np

from enpire_core.joints import ARMS, JOINT_NAMES, station_positions
from enpire_core.params import replace_table
from enpire_core.scene import TaskScene
from enpire_core.ticks import TICK_RATE_HZ
from enpire_drivers.arm.power import REST
from enpire_drivers.sim.parameters import StationParameters
from enpire_drivers.sim.scene import build_scene
from enpire_drivers.sim.world import World

# rad, of each arm: joints 1 to 6. Grippers closed.
POSES = {
    'home over the tray': (0.0, 1.48, 1.47, -1.56, 0.0, 0.0),
    'grasping, straight down': (0.0, 1.68, 1.35, -1.24, 0.0, 0.0),
    'reaching far, low': (0.0, 2.2, 1.8, -0.5, 0.0, 0.0),
    'reaching far, high': (0.0, 1.8, 1.8, 0.3, 0.0, 0.0),
    'as high as a tool may be': (0.0, 1.4, 1.8, -0.1, 0.0, 0.0),
    'folded': (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
}
TICKS = 5 * TICK_RATE_HZ
HOLD_TICKS = 2 * TICK_RATE_HZ
ARM_JOINTS = [index for index, name in enumerate(JOINT_NAMES) if 'gripper' not in name]
HEADER = ('| pose of both arms | tool above the table before | tool after | lowest after | at rest after | '
          'fastest joint | fastest tool | moves when held where it lies |\n|---|---|---|---|---|---|---|---|\n')


def world_in(angles):
    """Return a nominal World whose arms stand in ``angles``, and its measured positions (14,)."""
    pose = station_positions({**dict.fromkeys(ARMS, angles), 'gripper': 0.0})
    start = {name: (value,) for name, value in zip(JOINT_NAMES, pose) if 'gripper' not in name}
    world = World(build_scene(TaskScene('empty', '<mujoco/>', initial_qpos=start)), StationParameters())
    return world, world.joint_state(0).positions


def fall(angles):
    """Return what becomes of arms in ``angles`` (6,) without power, and when it comes back: {name: number}."""
    world, start = world_in(angles)
    tools, speeds = [_tools(world)], []
    world.set_power(False)
    for _ in range(TICKS):
        tick(world, start)
        tools.append(_tools(world))
        speeds.append(world.joint_state(0).velocities)
    speeds, tools = np.abs(speeds), np.array(tools)
    moving = np.flatnonzero((speeds > REST).any(axis=1))
    lying = world.joint_state(0).positions
    world.set_power(True)
    back = []
    for _ in range(HOLD_TICKS):
        tick(world, lying)
        back.append(world.joint_state(0).positions - lying)
    heights = tools[:, :, 2]
    return {'before_m': heights[0].max(), 'after_m': heights[-1].max(),
            'lowest_s': int(heights.max(axis=1).argmin()) / TICK_RATE_HZ,
            'rest_s': (int(moving[-1]) + 2) / TICK_RATE_HZ if len(moving) else 0.0,
            'joint_rad_s': speeds[:, ARM_JOINTS].max(),
            'tool_m_s': np.linalg.norm(np.diff(tools, axis=0), axis=2).max() * TICK_RATE_HZ,
            'back_rad': np.abs(back)[:, ARM_JOINTS].max()}


def tick(world, positions):
    """Move ``world`` by one control tick with its set-points at ``positions`` (14,)."""
    world.step_tick(np.tile(positions, (16, 1)), np.zeros((16, 14)), np.zeros(14))


def _tools(world):
    return np.array([world.tool_pose(arm)[0] for arm in ARMS])


def table():
    """Return all poses as a Markdown table."""
    return HEADER + ''.join(row(name, fall(angles)) for name, angles in POSES.items())


def row(name, found):
    """Return a pose's row of the table."""
    return ('| {} | {before_m:.2f} m | {after_m:.2f} m | {lowest_s:.2f} s | {rest_s:.1f} s | {joint_rad_s:.1f} rad/s | '
            '{tool_m_s:.1f} m/s | {back_mrad:.1f} mrad |\n').format(name, back_mrad=1e3 * found['back_rad'], **found)


def main():
    """Print the table, or write it."""
    options = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    options.add_argument('--write', type=Path)
    path, found = options.parse_args().write, table()
    if path is None:
        print(found, end='')
    else:
        path.write_text(replace_table(path.read_text(encoding='utf-8'), 'fall', found), encoding='utf-8')


if __name__ == '__main__':
    main()
