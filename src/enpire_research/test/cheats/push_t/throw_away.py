"""Takes the T between both closed grippers, carries it out of the tray and drops it beside the arms.

It lies with its bar along y, the middle of that at x = 0.274.
"""

from math import pi

# Half of the bar and half of the jaws; how far the jaws press into the T, and lean away from each other.
HALF, PRESS, LEAN = 0.060 + 0.0062, 0.012, 0.7


def both(robot, x, gap, z, speed):
    y = HALF + gap
    robot.move_both((x, y, z, pi - LEAN, 0, 0), (x, -y, z, pi + LEAN, 0, 0), speed=speed)


def run(robot):
    both(robot, 0.274, 0.03, 0.10, 0.4)
    both(robot, 0.274, 0.03, 0.028, 0.2)
    both(robot, 0.274, -PRESS, 0.028, 0.05)
    both(robot, 0.274, -PRESS, 0.09, 0.1)
    both(robot, -0.05, -PRESS, 0.09, 0.2)
    both(robot, -0.05, 0.02, 0.09, 0.2)
