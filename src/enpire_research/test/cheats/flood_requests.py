"""Asks for pictures without end and never moves."""

import os
import struct
import sys

import msgpack

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    asked = msgpack.packb({'op': 'capture', 'camera': 'top_camera'})
    for _ in range(300):
        os.write(int(sys.argv[2]), struct.pack('<I', len(asked)) + asked)
        size = struct.unpack('<I', os.read(int(sys.argv[1]), 4))[0]
        while size:
            size -= len(os.read(int(sys.argv[1]), size))
    print('CHEATED: was answered 300 times', flush=True)
    robot.wait(0.1)
