"""For tests with ROS: a graph of one's own, and waiting on conditions instead of sleeping.

    def test_something():
        with Graph() as graph:
            node = graph.add(MyNode(context=graph.context))
            assert graph.until(lambda: node.seen == 3), node.seen
"""

import itertools
import os
import time

import domain_coordinator
import rclpy
from rclpy.executors import SingleThreadedExecutor


# The next graph gets another domain than the last: what was killed in that one is still seen for a while.
_turn = itertools.count(os.getpid())


def _select_domain():
    return next(_turn) % 100 + 1


class Graph:
    """A ROS context with a domain id that no other test on this machine has, and an executor."""

    def __enter__(self):
        self._domain = domain_coordinator.domain_id(_select_domain)
        self.domain_id = int(self._domain.__enter__())
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=self.domain_id)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.nodes = []
        return self

    def add(self, node):
        """Add ``node`` (made with ``context=graph.context``) to the executor; return it."""
        self.nodes.append(node)
        self.executor.add_node(node)
        return node

    def until(self, condition, timeout_s=20.0):
        """Spin until ``condition()`` is true; return whether it became true within ``timeout_s``."""
        end = time.monotonic() + timeout_s
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.executor.spin_once(timeout_sec=min(left, 0.05))
        return True

    def call(self, client, request, timeout_s=20.0):
        """Call a service and spin until its response; AssertionError where none comes."""
        assert self.until(client.service_is_ready, timeout_s), f'no server for {client.srv_name}'
        future = client.call_async(request)
        assert self.until(future.done, timeout_s), f'no answer from {client.srv_name}'
        return future.result()

    def __exit__(self, *exc):
        for node in reversed(self.nodes):
            self.executor.remove_node(node)
            if hasattr(node, 'bring_down'):
                node.bring_down()
            node.destroy_node()
        self.executor.shutdown()
        rclpy.try_shutdown(context=self.context)
        return self._domain.__exit__(*exc)
