"""Moves by chance: random and numpy are seeded for each rollout."""
import random

import numpy as np


def run(robot):
    print(random.random(), np.random.random(), hash('x'))
    target = robot.get_joint_states().positions.copy()
    for _ in range(10):
        target[0] += random.uniform(-0.01, 0.01) + np.random.normal(0, 0.002)
        robot.step(target)
