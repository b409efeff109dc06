"""Holds for half a second, then moves by what its artifact says, which it got at module level."""
import numpy as np
from enpire_policy import load_artifact

NET = load_artifact()


def run(robot):
    robot.wait(0.5)
    pose = np.array([robot.tool_pose('left')[:3]])
    push = NET.run(pose=pose)['push'][0]
    print('push', *push)
    x, y, z, *turn = robot.tool_pose('left')
    robot.move_to_pose(x + float(push[0]), y, z + float(push[1]), *turn, speed=0.1)
