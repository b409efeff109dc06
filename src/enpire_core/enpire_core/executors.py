"""The executor of processes that every tick goes through.

rclpy's usual executor builds its wait set anew for each message, which takes longer than most callbacks. Its events
executor doesn't (docs/decisions/0017). It isn't used where there are actions: those it takes by a slower way.
"""

import rclpy
from rclpy.executors import SingleThreadedExecutor

try:
    from rclpy.experimental import EventsExecutor
except ImportError:  # an older Jazzy: slower, all else is the same
    EventsExecutor = None

# A wait without an end keeps all other threads of Python from running (seen with rclpy 7.1.6).
WAIT_S = 1.0


def quick(context=None):
    """Return the quickest executor that this rclpy has; ``context``: rclpy's. Give each wait an end (WAIT_S)."""
    context = rclpy.get_default_context() if context is None else context
    return SingleThreadedExecutor(context=context) if EventsExecutor is None else EventsExecutor(context=context)
