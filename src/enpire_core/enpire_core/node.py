"""A life-cycle node that holds when something goes wrong.

`ManagedNode` maps the life cycle onto four hooks, of which a node writes those it needs:

    open()     configure: open files and devices, create publishers, subscriptions and services
    start()    activate: begin to act (timers, the first message)
    hold()     deactivate: put the outputs into their safe state. Called first on every way down
    release()  cleanup, shutdown, error: close what open() opened. May be called twice, and half open.
               Closes what is in `self.opened`; most nodes need no more than that

The constructor declares parameters and does no I/O. A callback that raises is logged with its
traceback and reported to `on_fault(text)`; rclpy alone would end the process or swallow it.
Not covered: exceptions in threads that a node starts on its own.
"""

import contextlib
import traceback

from rclpy.clock import Clock, ClockType
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult

from enpire_core import params

# Names that rclpy itself reads; anything else must be a field of the node's parameters.
BUILT_IN = ('use_sim_time', 'start_type_description_service')
BUILT_IN_PREFIX = 'qos_overrides.'


class ManagedNode(LifecycleNode):
    """Base of every node: parameters as a dataclass, the four hooks, guarded callbacks.

    ``parameters``: the dataclass of its parameters (None: it has none); its values are in
    `self.parameters`. `self.autostart` says whether `enpire_core.main.run` brings it up.
    """

    def __init__(self, name, parameters=None, **kwargs):
        self.fault = ''
        self.exit_code = None
        self._wake = None
        self.opened = contextlib.ExitStack()
        super().__init__(name, **kwargs)
        self.autostart, self.parameters = self._declare(parameters)
        self.add_on_set_parameters_callback(self._refuse_built_in)

    # ---- hooks -----------------------------------------------------------------------------
    def open(self):
        """Open what the node needs. An exception here is a fault at configure."""

    def start(self):
        """Begin to act."""

    def hold(self):
        """Put the outputs into their safe state."""

    def release(self):
        """Close what is in `self.opened`, last first. May be called twice, and after an `open` that failed half-way."""
        self.opened.close()

    def on_fault(self, text):
        """Hear of an exception in a callback, already logged. Holds; override to do more."""
        self.fault = text
        self.hold()

    def own(self, entity):
        """Return ``entity``, a publisher, subscription, service, client or timer of ours; `release` destroys it."""
        self.opened.callback(getattr(self, f'destroy_{type(entity).__name__.lower()}'), entity)
        return entity

    # ---- life cycle ------------------------------------------------------------------------
    def on_configure(self, state):
        """Call `open`; on an exception release and stay unconfigured."""
        return self._transition('configure', self.open, TransitionCallbackReturn.FAILURE)

    def on_activate(self, state):
        """Call `start`; on an exception hold and stay inactive."""
        return self._transition('activate', self.start, TransitionCallbackReturn.FAILURE)

    def on_deactivate(self, state):
        """Call `hold`."""
        return self._transition('deactivate', self.hold, TransitionCallbackReturn.ERROR)

    def on_cleanup(self, state):
        """Call `hold`, then `release`."""
        return self._transition('clean up', self._put_away, TransitionCallbackReturn.ERROR)

    def on_shutdown(self, state):
        """Call `hold`, then `release`."""
        return self._transition('shut down', self._put_away, TransitionCallbackReturn.ERROR)

    def on_error(self, state):
        """Release what is left after a failed transition."""
        return self._transition('recover', self.release, TransitionCallbackReturn.ERROR)

    def _put_away(self):
        try:
            self.hold()
        finally:
            self.release()

    def _transition(self, name, hook, otherwise):
        try:
            hook()
        except Exception as error:
            self.fault = f'{self.get_fully_qualified_name()}: could not {name}: {error or type(error).__name__}'
            # What a user can mend is said in one line; the way there is for people who mend the code.
            if not isinstance(error, (ValueError, OSError)):
                self.get_logger().error(traceback.format_exc())
            self.get_logger().fatal(self.fault)
            if name == 'configure':
                self._guarded('releasing after a failed configure', self.release)
            elif name == 'activate':
                self._guarded('holding after a failed activate', self.hold)
            return otherwise
        return TransitionCallbackReturn.SUCCESS

    def _guarded(self, what, call):
        try:
            call()
        except Exception:
            self.get_logger().error(f'{what}:\n{traceback.format_exc()}')

    def bring_up(self):
        """Configure and activate; return True where both succeeded (`self.fault` says why not)."""
        return (self.trigger_configure() == TransitionCallbackReturn.SUCCESS
                and self.trigger_activate() == TransitionCallbackReturn.SUCCESS)

    def bring_down(self):
        """Go down from whatever state it is in: hold, release. May be called twice."""
        state = self._state_machine.current_state[1]
        if state == 'active':
            self.trigger_deactivate()
            state = self._state_machine.current_state[1]
        if state == 'inactive':
            self.trigger_cleanup()
        else:
            self._guarded('releasing', self.release)

    def finish(self, exit_code=0):
        """Ask `enpire_core.main.run` to stop every node of the process and exit with ``exit_code``.

        May be called from any thread. The first call of a process decides the code.
        """
        if self.exit_code is None:
            self.exit_code = exit_code
        if self._wake is not None:
            self._wake()

    # ---- guarded callbacks -----------------------------------------------------------------
    def guard(self, callback, what):
        """Return ``callback`` so that its exceptions are logged and reported to `on_fault`.

        It returns None in that case. ``what`` names the callback in the log.
        """
        def guarded(*args):
            try:
                return callback(*args)
            except Exception as error:
                self._report(what, error)
                return None
        return guarded

    def _report(self, what, error):
        last = ''.join(traceback.format_exception_only(type(error), error)).strip()
        self.get_logger().error(f'exception in {what}:\n{traceback.format_exc()}')
        self.on_fault(f'exception in {what}: {last}')

    # rclpy waits for QoS events of each topic by default, only to log that a partner's profile does not
    # fit. Its executor gathers them anew for each message, which costs about as much as the message.
    # Our profiles come from `enpire_core.qos`, and other tools' own nodes still log a mismatch.
    def create_publisher(self, msg_type, topic, *args, **kwargs):
        """Create a publisher that does not wait for QoS events."""
        kwargs.setdefault('event_callbacks', PublisherEventCallbacks(use_default_callbacks=False))
        return super().create_publisher(msg_type, topic, *args, **kwargs)

    def create_subscription(self, msg_type, topic, callback, *args, **kwargs):
        """Create a subscription whose callback is guarded; it does not wait for QoS events."""
        kwargs.setdefault('event_callbacks', SubscriptionEventCallbacks(use_default_callbacks=False))
        return super().create_subscription(msg_type, topic, self.guard(callback, f'the callback of {topic}'),
                                           *args, **kwargs)

    def create_timer(self, timer_period_sec, callback, *args, **kwargs):
        """Create a timer (the node's clock) whose callback is guarded."""
        return super().create_timer(timer_period_sec, self.guard(callback, 'a timer'), *args, **kwargs)

    def create_steady_timer(self, period_s, callback):
        """Create a guarded timer on the steady clock: it runs on where the node's clock stands still."""
        return self.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def create_service(self, srv_type, srv_name, callback, **kwargs):
        """Create a service whose callback is guarded: after an exception it still answers.

        That answer is a fresh response (success is False), with the exception in `message` if it has one.
        """
        def answer(request, response):
            try:
                return callback(request, response)
            except Exception as error:
                self._report(f'the service {srv_name}', error)
                response = srv_type.Response()
                if hasattr(response, 'message'):
                    response.message = f'internal error: {type(error).__name__}: {error}'
                return response
        return super().create_service(srv_type, srv_name, answer, **kwargs)

    # ---- parameters ------------------------------------------------------------------------
    def _declare(self, cls):
        """Declare the parameters, read-only, and return (autostart, dataclass)."""
        # rclpy has no public way to list the values given for names that nobody declared.
        given = {name: value.value for name, value in self._parameter_overrides.items()
                 if name not in BUILT_IN and not name.startswith(BUILT_IN_PREFIX)
                 and value.type_ != Parameter.Type.NOT_SET}
        where = self.get_fully_qualified_name()
        autostart = given.pop('autostart', True)
        if type(autostart) is not bool:
            raise params.ParameterError(f'{where}: autostart: expected true or false, got {autostart!r}')
        self._declare_one('autostart', autostart, 'configure and activate at once')
        if cls is None:
            if given:
                raise params.ParameterError(f'{where}: unknown parameter {next(iter(given))!r}; it has none')
            return autostart, None
        values = params.from_mapping(cls, given, where)
        for field, _, rules in params.fields_of(cls):
            self._declare_one(params.graph_name(field), getattr(values, field.name), rules.text)
        return autostart, values

    def _refuse_built_in(self, changes):
        # rclpy declares use_sim_time so that anybody on the graph may set it, and with it move a node's clock. This
        # callback is the newest and so is asked first: rclpy's own never hears of the change.
        for change in changes:
            if change.name in BUILT_IN:
                return SetParametersResult(successful=False, reason=(
                    f'{change.name}: expected no change after the start, got {change.value!r}: start the node anew '
                    'with it'))
        return SetParametersResult(successful=True)

    def _declare_one(self, name, value, text):
        value = list(value) if isinstance(value, tuple) else value
        # An empty list has no type that ROS could check.
        descriptor = ParameterDescriptor(description=text, read_only=True, dynamic_typing=value == [])
        self.declare_parameter(name, value, descriptor, ignore_override=True)
