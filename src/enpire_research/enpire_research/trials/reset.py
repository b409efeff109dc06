"""One reset: the station's own arms bring the scene to a start drawn from the seed, verified by camera.

Up to three tries. Each: the task's program, home, a look. The program may fail in any way, also by an
exception that nobody thought of: then the arms retreat, and the next try begins where it left things. Only a
fault of the station, a latched gate and a cancel end the reset at once.

Where the arms have not found the object up to the last try (thrown off the table, say), a person is asked to put it
back before that one: in a simulation there is one, and the report says so.
"""

import traceback
from dataclasses import dataclass, replace

from enpire_core.errors import MotionError, MotionRefused, TimeUp
from enpire_core.ticks import NANOSECONDS
from enpire_research.trials import report as reports
from enpire_research.trials.drive import Eyes
from enpire_research.trials.episode import Codes, Episode
from enpire_research.trials.report import Report
from enpire_research.trials.retreat import go_home, judge, retreat
from enpire_research.trials.robot import Robot
from enpire_research.trials.station import Cancelled, StationFault
from enpire_research.trials.trial_setup import RESET_PROFILE
from enpire_tasks.types import SUCCESS, SceneNotFound

# Codes and steps of Reset.action; a test compares them with the file.
NOT_VERIFIED, NOT_FOUND, REFUSED = 103, 104, 105
CODES = Codes(station_fault=106, latched=108, cancelled=109, internal=110)
LOOK, MOVE, VERIFY = 1, 2, 3
MAX_TRIES = 3
# How long an object that was put back by hand is left alone [s].
SETTLE_S = 0.5


@dataclass(frozen=True)
class ResetGoal:
    """What a reset shall do; see Reset.action. ``max_tries`` 0: three."""

    trial_id: str
    seed: int
    max_tries: int = 0


def run_reset(setup, station, goal, hooks, manifest_hash=''):
    """Run one reset and return its Report. Raises nothing that a scene or a station can bring about.

    ``setup``: TrialSetup; ``station``: Station; ``goal``: ResetGoal; ``hooks``: Hooks.
    """
    report = Report(station.unit, setup.task.name, goal.trial_id, reports.RESET, goal.seed, station.simulated,
                    manifest_hash=manifest_hash, goal={'max_tries': goal.max_tries})
    reset = _Reset(setup, station, goal, hooks, report)
    return reset.episode.run(reset.run)


class _Reset:
    def __init__(self, setup, station, goal, hooks, report):
        self._setup, self._goal, self._hooks, self._report = setup, goal, hooks, report
        self._station = station
        self.episode = Episode(station, report, replace(hooks, on_tick=self._on_tick), CODES)
        self._drive = self._robot = None
        self._looking = 0  # the try that has not moved the arms yet, 0: none

    def _on_tick(self):
        if self._looking:
            self._hooks.progress(MOVE, self._looking, f'try {self._looking}: the arms bring the scene to its start')
            self._looking = 0
        self._hooks.on_tick()

    def run(self):
        """Begin the episode and try until the start is confirmed, or the tries are used."""
        self._drive = self.episode.begin(RESET_PROFILE)
        self._robot = Robot(self._drive, self._setup.motion[RESET_PROFILE], self._setup.kinematics)
        start = self._setup.task.draw_start(self._goal.seed)
        tries = self._goal.max_tries or MAX_TRIES
        for number in range(1, tries + 1):
            self._report.tries = number
            self._try(number, start)
            if self._report.status == reports.SUCCEEDED:
                return
            if self._report.error_code == NOT_FOUND and number == tries - 1:
                self._ask_for_a_hand()

    def _ask_for_a_hand(self):
        """Have the objects put back, if somebody is there to do it, and let them come to rest."""
        if self._station.put_back():
            self._report.put_back = True
            self._hooks.log(f'{self._goal.trial_id}: the object was put back by hand: {self._report.error_msg}')
            self._robot.wait(SETTLE_S)

    def _try(self, number, start):
        """One try and its look; sets the report's status."""
        report, drive = self._report, self._drive
        self._looking = number
        self._hooks.progress(LOOK, number, f'try {number}: finding the objects by camera')
        drive.deadline_ns = drive.state.stamp_ns + int(self._setup.task.reset_s * NANOSECONDS)
        drive.episode_s = self._setup.task.reset_s
        trouble = self._bring(start, number)
        drive.deadline_ns, self._looking = None, 0
        self._hooks.progress(VERIFY, number, f'try {number}: arms away, checking by camera')
        notes = []
        if trouble:
            notes += retreat(self._robot)
        else:
            go_home(self._robot, notes)
        for note in notes:
            self._hooks.log(note)
        eyes = Eyes(drive)
        verdict = judge(lambda: self._setup.task.verify_start(eyes, start), self._robot, self._hooks.log)
        report.score, report.frames_digest = verdict.score, verdict.frames_digest
        report.measurements = dict(verdict.measurements)
        if verdict.answer == SUCCESS:
            report.status, report.error_code, report.error_msg = reports.SUCCEEDED, 0, ''
            return
        # A program that raises is our own fault, unlike a scene that it can't bring back.
        ours = trouble is not None and trouble[0] == CODES.internal
        report.status = reports.VOID if ours else reports.FAILED
        report.error_code, text = trouble or (NOT_VERIFIED, '')
        report.error_msg = '; '.join(filter(None, [
            f'{number} tries used; the camera does not confirm the start: {verdict.reason}', text]))

    def _bring(self, start, number):
        """Run the task's program; return None, or (error code, text) of what stopped it."""
        try:
            self._setup.task.reset(self._robot, start, number)
        except SceneNotFound as error:
            return NOT_FOUND, f'the object cannot be found: {error}'
        except MotionRefused as error:
            return REFUSED, f'the safety gate refused a motion of the reset program: {error}'
        except MotionError as error:
            return NOT_VERIFIED, f'the reset program could not move: {error}'
        except TimeUp as error:
            return NOT_VERIFIED, f'the reset program did not end: {error}'
        except (StationFault, Cancelled):
            raise
        except Exception as error:  # trouble of this try; the log has all of it
            self._hooks.log(f'exception in the reset program, try {number} of {self._goal.trial_id}:\n'
                            f'{traceback.format_exc()}')
            last = ''.join(traceback.format_exception_only(type(error), error)).strip()
            return CODES.internal, f'the reset program raised {last}: mend it; the log has the traceback'
        return None
