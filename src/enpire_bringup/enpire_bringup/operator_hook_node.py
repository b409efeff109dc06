"""`operator_hook`: calls a command of the operator's when a station is latched, and clears on its word.

The command gets two more words, the station and the reason. Exit code 0 means "clear it"; with any
other code the station stays stopped until somebody clears it by hand. Its word is about the stop that it was
asked about: where another cause has come meanwhile, nothing is cleared and it is asked again.
Subscribes: /<unit>/safety_state, /<unit>/safety_events. Calls: /<unit>/safety_gate/clear.
On silence: a gate that says nothing is not latched for all that is known here; nothing is called.
"""

import dataclasses
import subprocess
import typing

from std_srvs.srv import Trigger

from enpire_bringup.hook import Hook, Stop
from enpire_core import main as process
from enpire_core import qos
from enpire_core.node import ManagedNode
from enpire_core.params import parameter
from enpire_interfaces.msg import SafetyEvent, SafetyState

POLL_S = 0.2


@dataclasses.dataclass(frozen=True)
class HookParameters:
    """Parameters of operator_hook."""

    units: typing.Tuple[str, ...] = parameter(text='stations to watch')
    command: typing.Tuple[str, ...] = parameter(text='command, a word each')


class OperatorHook(ManagedNode):
    """See the module."""

    def __init__(self):
        super().__init__('operator_hook', HookParameters)
        self._hooks = {}
        self._children = {}
        self._clear = {}

    def open(self):
        """Listen to every gate."""
        for unit in self.parameters.units:
            self._hooks[unit] = Hook()
            self._clear[unit] = self.own(self.create_client(Trigger, f'/{unit}/safety_gate/clear'))
            self.own(self.create_subscription(
                SafetyState, f'/{unit}/safety_state',
                lambda message, unit=unit: self._take_state(unit, message), qos.STATE))
            self.own(self.create_subscription(
                SafetyEvent, f'/{unit}/safety_events',
                lambda message, unit=unit: self._take_event(unit, message), qos.EVENTS))
        self.own(self.create_steady_timer(POLL_S, self._poll))
        self.opened.callback(self._end_commands)

    def _end_commands(self):
        """End commands that still run: nobody would hear their answer."""
        for child in self._children.values():
            child.terminate()
        self._children = {}

    def _take_state(self, unit, message):
        latched = message.mode == SafetyState.MODE_LATCHED
        stop = Stop(message.latches, message.rule, message.reason) if latched else None
        reason = self._hooks[unit].saw(stop)
        if reason is None:
            return
        words = [*self.parameters.command, unit, reason]
        self.get_logger().warning(f'{unit} is stopped: {reason}; asking {words[0]}')
        try:
            self._children[unit] = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        except OSError as error:
            self._hooks[unit].ended(127)
            self.get_logger().error(
                f'operator_hook: {words[0]} cannot be started: {error.strerror}; {unit} stays stopped')

    def _take_event(self, unit, message):
        if message.kind == SafetyEvent.KIND_LATCH:
            self._hooks[unit].heard_latch()

    def _poll(self):
        for unit, child in list(self._children.items()):
            code = child.poll()
            if code is None:
                continue
            del self._children[unit]
            if self._hooks[unit].ended(code):
                self.get_logger().warning(f'{unit}: the hook says clear')
                self._clear[unit].call_async(Trigger.Request()).add_done_callback(
                    lambda future, unit=unit: self._cleared(unit, future.result()))
            elif code == 0:
                self.get_logger().warning(
                    f'{unit}: the hook says clear, but not to what the gate says by now; not cleared')
            else:
                self.get_logger().warning(f'{unit}: the hook ended with {code}; it stays stopped')

    def _cleared(self, unit, answer):
        self.get_logger().warning(
            f'{unit}: {"cleared" if answer.success else "not cleared"}: {answer.message}')


def main():
    """Entry point of `operator_hook`."""
    return process.run(OperatorHook)
