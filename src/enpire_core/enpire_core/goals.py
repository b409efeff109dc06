"""One action goal at a time (or a few), each in a thread of its own, cancellable at any moment.

    slot = GoalSlot()                                  # shared by the servers of one station
    GoalServer(node, Reset, 'reset', run_reset, slot, busy=Reset.Result.ERROR_BUSY,
               internal=Reset.Result.ERROR_INTERNAL)

`run(goal, context)` returns (outcome, result); it looks at `context.cancelled` every cycle and may
call `context.feedback(message)`. A goal that comes while another runs is aborted with the code
``busy``; an exception, SystemExit too, becomes an abort with the code ``internal`` and its last line, and
so does a thread that can't be started. Results must have `error_code` and `error_msg`.

Executors of rclpy poll a waiting coroutine without pause, which costs a core. So the goal is executed,
as rclpy understands it, only when its result is there; until then its status reads "accepted".
"""

import threading
import time
import traceback

from rclpy.action import ActionServer, CancelResponse, GoalResponse

SUCCEEDED, ABORTED, CANCELED = 'succeeded', 'aborted', 'canceled'


class GoalSlot:
    """Room for one goal (or ``places``); shared by action servers that use the same arms."""

    def __init__(self, places=1):
        self.places = places
        self._lock = threading.Lock()
        self._holders = []

    def take(self, name):
        """Take a place for ``name``; return '' or, where none is free, a name that holds one."""
        with self._lock:
            if len(self._holders) >= self.places:
                return self._holders[0]
            self._holders.append(name)
            return ''

    def free(self, name):
        """Give the place of ``name`` back; nothing where it holds none."""
        with self._lock:
            if name in self._holders:
                self._holders.remove(name)


class GoalContext:
    """What a running goal sees of its client."""

    def __init__(self, handle):
        self._handle = handle
        self._cancel = threading.Event()

    @property
    def cancelled(self):
        """True once the client or the server's `stop` asked for an end. Cheap: look every cycle."""
        return self._cancel.is_set()

    def cancel(self):
        """Ask the goal to end."""
        self._cancel.set()

    def wait_cancelled(self, seconds):
        """Wait for a cancel for at most ``seconds`` of wall time; return `cancelled`."""
        return self._cancel.wait(seconds)

    def feedback(self, message):
        """Send ``message`` to the client."""
        self._handle.publish_feedback(message)


class GoalServer:
    """An action server whose goals run each in a worker thread, as many at a time as ``slot`` has places."""

    def __init__(self, node, action_type, name, run, slot, *, busy, internal):
        self._node, self._type, self._name, self._run, self._slot = node, action_type, name, run, slot
        self._busy, self._internal = busy, internal
        self._lock = threading.Lock()
        self._contexts, self._threads = {}, set()
        self._server = ActionServer(
            node, action_type, name, execute_callback=self._no_execute,
            goal_callback=self._on_goal, handle_accepted_callback=self._on_accepted,
            cancel_callback=self._on_cancel)

    def stop(self, timeout_s):
        """Cancel what runs and wait for it; return False where it still runs after ``timeout_s``."""
        with self._lock:
            contexts, threads = list(self._contexts.values()), list(self._threads)
        for context in contexts:
            context.cancel()
        end_s = time.monotonic() + timeout_s
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end_s - time.monotonic()))
        return not any(thread.is_alive() for thread in threads if thread is not threading.current_thread())

    def close(self, timeout_s):
        """Stop what runs, as `stop` does, and take the action off the graph."""
        self.stop(timeout_s)
        self._server.destroy()

    def _on_goal(self, goal):
        return GoalResponse.ACCEPT  # also when busy: a rejected goal could not say why

    def _on_cancel(self, handle):
        with self._lock:
            context = self._contexts.get(bytes(handle.goal_id.uuid))
        if context is None:
            return CancelResponse.REJECT
        context.cancel()
        return CancelResponse.ACCEPT

    def _on_accepted(self, handle):
        holder = self._slot.take(self._name)
        if holder:
            self._finish(handle, ABORTED, self._failure(
                self._busy, f'expected {_at_a_time(self._slot.places)}, but {holder!r} is under way: wait for it or '
                'cancel it'))
            return
        context = GoalContext(handle)
        thread = threading.Thread(target=self._work, args=(handle, context), name=self._name, daemon=True)
        try:
            with self._lock:
                self._contexts[bytes(handle.goal_id.uuid)] = context
                thread.start()
                self._threads = {one for one in self._threads if one.is_alive()} | {thread}
        except Exception as error:  # a machine that is out of threads, for example
            outcome, result = self._broken(error)
            self._release(handle)
            self._finish(handle, outcome, result)

    def _work(self, handle, context):
        try:
            outcome, result = self._answer(handle, context)
        finally:
            # Whatever happened: a slot that is never given back takes no goal any more.
            self._release(handle)
        self._finish(handle, outcome, result)

    def _answer(self, handle, context):
        try:
            return self._checked(self._run(handle.request, context))
        except BaseException as error:  # SystemExit too: in a thread it would end the goal without a word
            return self._broken(error)

    def _broken(self, error):
        self._node.get_logger().error(f'exception in {self._name}:\n{traceback.format_exc()}')
        last = ''.join(traceback.format_exception_only(type(error), error)).strip()
        return ABORTED, self._failure(self._internal, f'internal error: {last}')

    def _release(self, handle):
        with self._lock:
            self._contexts.pop(bytes(handle.goal_id.uuid), None)
        self._slot.free(self._name)

    def _checked(self, answer):
        if not (isinstance(answer, tuple) and len(answer) == 2 and answer[0] in (SUCCEEDED, ABORTED, CANCELED)
                and isinstance(answer[1], self._type.Result)):
            raise TypeError(f'expected (outcome, {self._type.__name__}.Result), got {answer!r}')
        return answer

    def _failure(self, code, text):
        result = self._type.Result()
        result.error_code, result.error_msg = code, text
        return result

    def _finish(self, handle, outcome, result):
        def deliver(executing):
            # A goal that nobody asked to cancel has no way to "canceled" (the server was stopped).
            if outcome == CANCELED and executing.is_cancel_requested:
                executing.canceled()
            elif outcome == SUCCEEDED:
                executing.succeed()
            else:
                executing.abort()
            return result
        # In the executor's thread, as all other changes of the goal's state: no race with a cancel.
        self._node.executor.create_task(handle.execute, deliver)

    def _no_execute(self, handle):
        raise RuntimeError(f'{self._name}: goals are executed by their worker')


def _at_a_time(places):
    return 'one goal at a time' if places == 1 else f'at most {places} goals at a time'
