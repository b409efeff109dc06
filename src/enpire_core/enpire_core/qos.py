"""Named QoS profiles: the only ones that nodes of this project use.

SENSOR: newest samples, may lose some (joint states). IMAGES: the newest picture, whole; best effort
lost a quarter of them at 640x480, and who reads with best effort (rviz) still gets them. COMMAND: one
motion request or command; reliable, and a late joiner never gets an old one. STATE: the last value,
also for late joiners. EVENTS: a stream for people and logs; a reader that is not there misses it.
"""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


def _profile(reliability, durability, depth):
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability,
                      durability=durability)


SENSOR = _profile(ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE, 5)
IMAGES = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 1)
COMMAND = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 1)
STATE = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL, 1)
EVENTS = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 100)
