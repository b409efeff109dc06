"""`lab_view`: shows a running lab in the terminal, a live table or plain lines.

Subscribes: /lab/status (LabStatus). Reads: the outboxes of the run, for counts where no runner is there
and for plain lines; the ledger of a campaign, for what is new; with `keys` its standard input.
Publishes: /emergency_stop (std_msgs/Empty), where somebody has pressed the key for it.
On silence: the table keeps its last values; the time in the headline goes on.
"""

import contextlib
import dataclasses
import os
import sys
import threading
import time

from rich.console import Console
from rich.live import Live
from std_msgs.msg import Empty

from enpire_bringup import terminal
from enpire_bringup import lab as lab_file
from enpire_bringup.keyboard import STOP
from enpire_bringup.reports import Outboxes, Tally
from enpire_bringup.view import news, table
from enpire_bringup.view.rows import progress_of, row_of
from enpire_core import main as process
from enpire_core import qos
from enpire_core.node import ManagedNode
from enpire_core.params import parameter
from enpire_interfaces.msg import LabStatus
from enpire_research import layout

NOTES = 3


@dataclasses.dataclass(frozen=True)
class ViewParameters:
    """Parameters of lab_view."""

    run_dir: str = parameter(text='run folder of the lab to show')
    plain: bool = parameter(False, 'lines instead of a live table')
    keys: bool = parameter(False, 'read keys from the standard input: s stops all arms')
    period_s: float = parameter(0.5, 'time between two pictures', ge=0.1, le=10.0)
    began_ns: int = parameter(0, 'wall clock when the lab was started, in ns: what is older has been told', unit='1',
                              ge=0)


class LabView(ManagedNode):
    """See the module."""

    def __init__(self):
        super().__init__('lab_view', ViewParameters)
        self._live = None
        self._status = None
        self._total = Tally()
        self._told = 0
        self._stopped_by_key = False

    def open(self):
        """Read the lab file of the run, subscribe, and take the terminal."""
        folder = self.parameters.run_dir
        path = os.path.join(folder, 'lab.yaml')
        with open(path, encoding='utf-8') as handle:
            self._lab = lab_file.load_text(handle.read(), path)
        self._outboxes = Outboxes(
            {unit: os.path.join(folder, unit, 'outbox') for unit in self._lab.units})
        self._tallies = {unit: Tally() for unit in self._lab.units}
        self._tail = news.Tail(layout.campaign(folder))
        self._news = ''
        self._notes = os.path.join(folder, 'logs', 'supervisor.log')
        self._began_s = time.monotonic()
        self._stop = self.own(self.create_publisher(Empty, '/emergency_stop', qos.EVENTS))
        if self.parameters.keys:
            # It waits for keys as long as this process lives, and nobody waits for it.
            threading.Thread(target=self._read_keys, name='keys', daemon=True).start()
        self.own(self.create_subscription(LabStatus, '/lab/status', self._take_status, qos.STATE))
        self.own(self.create_steady_timer(self.parameters.period_s, self._refresh))
        self.opened.callback(self._show_last)
        if not self.parameters.plain:
            self._live = Live(self._picture(), console=Console(), auto_refresh=False)
            self._live.start()

    def _show_last(self):
        """Show the last picture and give the terminal back."""
        self._refresh()
        if self._live is not None:
            with contextlib.suppress(OSError):  # no terminal to give back
                self._live.stop()
            self._live = None

    def _read_keys(self):
        for key in iter(lambda: os.read(sys.stdin.fileno(), 1), b''):
            if key == STOP:
                self._stop.publish(Empty())
                self._stopped_by_key = True

    def _take_status(self, message):
        self._status = message

    def _refresh(self):
        for report in self._outboxes.new():
            self._total.add(report)
            self._tallies.setdefault(report.unit, Tally()).add(report)
            tally = None if self._lab.campaign else self._total
            self._tell(table.plain_line(report, tally), report.started_at_ns)
        for record in self._tail.new():
            line = news.line(record)
            self._news = line or self._news
            self._tell(line, record.at_ns)
        if self._stopped_by_key:
            self._stopped_by_key = False
            self._news = 'all arms were stopped by a key: `enpire clear` lets them move again'
            if self.parameters.plain:
                terminal.say(self._news)
        problems = self._problems()
        if self.parameters.plain:
            for problem in problems[self._told:]:
                terminal.say(f'not counted: {problem}')
            self._told = len(problems)
        self._draw()

    def _tell(self, line, when_ns):
        """Print ``line`` where there is no table, unless it was told before the lab was started again."""
        if line and self.parameters.plain and when_ns >= self.parameters.began_ns:
            terminal.say(line)

    def _problems(self):
        return [*self._outboxes.problems, *([self._tail.problem] if self._tail.problem else [])]

    def _draw(self):
        if self._live is not None:
            try:
                self._live.update(self._picture(), refresh=True)
            except OSError:
                self._live = None  # the terminal is gone: nobody looks, and its lab goes on

    def _picture(self):
        lab = self._lab
        status = self._status
        if status is None:
            rows = tuple(self._own_row(unit) for unit in lab.units)
        else:
            rows = tuple(row_of(station) for station in status.stations)
        return table.render(table.View(
            lab.name, lab.task, os.path.basename(status.policy) if status else '',
            lab.backend == 'sim', lab.wanted, time.monotonic() - self._began_s, rows,
            self._last_notes(), tuple(self._problems()),
            progress_of(status, self._news) if status else None))

    def _own_row(self, unit):
        tally = self._tallies[unit]
        phase = 'starting' if self._lab.wanted else 'by hand'
        return table.Row(unit, phase, '', tally.trials, tally.successes, tally.voids,
                         tally.real_time_factor, tally.reason)

    def _last_notes(self):
        """Return the supervisor's last words about restarts and ends."""
        if not os.path.isfile(self._notes):
            return ()
        with open(self._notes, encoding='utf-8') as handle:
            lines = [line.rstrip() for line in handle if ' started, process ' not in line]
        return tuple(lines[-NOTES:])


def main():
    """Entry point of `lab_view`."""
    return process.run(LabView)
