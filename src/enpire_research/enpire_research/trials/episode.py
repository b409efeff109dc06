"""What resets and rollouts have in common: an episode that begins, ends, and becomes a report."""

import traceback
from dataclasses import dataclass

from enpire_core.ticks import NANOSECONDS
from enpire_research.trials import report as reports
from enpire_research.trials.drive import Drive
from enpire_research.trials.station import Cancelled, Latched, StationFault
from enpire_research.trials.trial_setup import ROLLOUT_PROFILE

# Latches that a measured state brings about. In a rollout the policy moved the arms there, and nothing
# that a policy can bring about makes a trial void (it fails; the station is out until it is cleared).
MEASURED_RULES = ('measured_position', 'measured_velocity')


@dataclass(frozen=True)
class Codes:
    """Error codes of a phase's action."""

    station_fault: int
    latched: int
    cancelled: int
    internal: int


class Episode:
    """Runs the body of a phase on a station and fills in the report, whatever happens.

    ``report``: Report with the phase's identity; ``profile``: limits in force at the start.
    """

    def __init__(self, station, report, hooks, codes):
        self._station, self.report, self._hooks, self._codes = station, report, hooks, codes
        self.drive = None
        self._begun = False
        self._cut_off = ''
        self.policy_moved = False

    def begin(self, profile):
        """Wait for the station, select limits, begin the episode, return its Drive; StationFault, Cancelled."""
        self._station.wait_ready(self._hooks.cancelled)
        self._station.select_limits(profile)
        start = self._station.begin(self.report.trial_id, self.report.phase)
        self._begun = True
        self.report.start_ns = self.report.end_ns = start.stamp_ns
        self.report.state_record, self.report.state_digest_before = start.record, start.digest
        self.drive = Drive(self._station, self._hooks.cancelled, self._hooks.on_tick)
        return self.drive

    def run(self, body):
        """Call ``body()``, which sets the report's status, and return the report, complete."""
        started_ns = self._hooks.wall_ns()
        try:
            body()
        except Cancelled:
            self._set(reports.CANCELED, self._codes.cancelled, 'cancelled: the arms hold where they are')
        except Latched as error:
            ours = not (self.policy_moved and error.rule in MEASURED_RULES)
            self._set(reports.VOID if ours else reports.FAILED, self._codes.latched,
                      f'the safety gate is latched: {error}: an operator must look and clear it')
        except StationFault as error:
            self._set(reports.VOID, self._codes.station_fault, str(error))
        except Exception as error:  # becomes a void report with its last line; the log has all of it
            self._hooks.log(f'exception in {self.report.phase} of {self.report.trial_id}:\n'
                            f'{traceback.format_exc()}')
            last = ''.join(traceback.format_exception_only(type(error), error)).strip()
            self._set(reports.VOID, self._codes.internal, f'internal error of the trial server: {last}')
        finally:
            self._end()
        self.report.started_at_ns = started_ns
        self.report.wall_duration_s = (self._hooks.wall_ns() - started_ns) / NANOSECONDS
        return self.report

    def _set(self, status, code, text):
        """The phase ends here, wherever the arms are."""
        self._cut_off = text
        self.report.status, self.report.error_code, self.report.error_msg = status, code, text

    def _end(self):
        if self.drive is not None:
            self.report.ticks, self.report.refusals = self.drive.ticks, self.drive.refusals
            self.report.trajectory_digest = self.drive.digest()
            self.report.end_ns = self.drive.state.stamp_ns
        if not self._begun:
            return
        try:
            # The narrowest set stays in force while nobody drives.
            self._station.select_limits(ROLLOUT_PROFILE)
        except StationFault as error:
            self._fault(str(error))
        try:
            end = self._station.end(self._cut_off)
        except StationFault as error:
            self._fault(str(error))
            return
        self.report.state_digest_after, self.report.end_ns = end.digest, end.stamp_ns
        if end.broken and not self._cut_off:
            self._fault(f'the world left lockstep: {end.broken}')

    def _fault(self, text):
        """A fault at the very end; it does not replace one that came before, or a cancel."""
        if self.report.status not in (reports.VOID, reports.CANCELED):
            self._set(reports.VOID, self._codes.station_fault, text)
