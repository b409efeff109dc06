"""Moves the left tcp down a little by poses, then says DONE."""
from enpire_policy import DONE

CAMERAS = ('top_camera',)
start = []


def act(observation):
    assert observation.images['top_camera'].shape[2] == 3
    assert 0.0 <= observation.time - observation.image_times['top_camera'] < 0.07
    if observation.tick >= 20:
        print('lowered by', start[0] - observation.tool_poses['left'][2])
        return DONE
    x, y, z, roll, pitch, yaw = observation.tool_poses['left']
    start.append(z)
    return {'left': (x, y, z - 0.002, roll, pitch, yaw)}
