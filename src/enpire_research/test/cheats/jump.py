"""Asks for a jump of half a radian in one tick, past the planner, to be there before anybody looks."""

import os
import struct
import sys

import msgpack
import numpy as np

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    target = np.array(robot.get_joint_states().positions, dtype='<f8')
    target[1] += 0.5
    asked = msgpack.packb({'op': 'step', 'positions': target.tobytes(), 'efforts': b''})
    os.write(int(sys.argv[2]), struct.pack('<I', len(asked)) + asked)
    size = struct.unpack('<I', os.read(int(sys.argv[1]), 4))[0]
    answer = msgpack.unpackb(os.read(int(sys.argv[1]), size))
    if 'refused' not in answer:
        print('CHEATED: jumped', flush=True)
    robot.wait(0.1)
