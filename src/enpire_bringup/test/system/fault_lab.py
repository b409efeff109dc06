"""A lab with a small campaign, for faults: it is struck, watched, cleared by an operator and gone on with.

It has the shipped times: five seconds of silence until a world leaves lockstep, fifteen until a trial is lost.
"""

import contextlib
import itertools
import os
import time

import fault_plan
import psutil
from enpire_core.testing import Graph
from enpire_interfaces.msg import SafetyState
from enpire_research.campaign import ledger, records
from fault_disk import Filler, small_disk
from std_srvs.srv import Trigger
from system_lab import LabProcess, policy
from system_scenarios import policy_pids
from system_watcher import EVERY_STATE, Watcher

# At four times real time there are arms in motion to be met, and two stations find the time for it. Rounds are large,
# so that a station seldom waits for the other.
LAB = """\
name: faults
units: 2
seed: {seed}
policy: {policy}
real_time_factor: 4
campaign:
  trials: {trials}
  ideas_a_round: 4
  screen_first: 4
  screen_second: 2
  screen_resets: 4
  confirm_margin: 2
  confirm_resets: 5
  exam_resets: 2
"""
STOPPED_S = FULL_S = 10.0
# All of wall time: seconds where nothing else runs.
TARGET_S = 180.0      # so long a target is waited for
STARTS_S = 600.0      # so long the lab has until its first verdict
AGAIN_S = 600.0       # so long the lab has to work again or to end
LEFT_S = 30.0         # so long processes may outlive a supervisor
RESUMES = 3           # after one fault; then the campaign is given up
LOOK_S = 0.2
ANSWER_S = 2.0
# How the command says that a lab has ended other than it should. The first is followed by the words of a process.
ENDS = ('The last lines of', 'The lab broke', 'The lab was not')
LONGEST = 300


def now_and_then(look):
    """Return a condition that asks ``look`` every LOOK_S at most, and is false in between."""
    asked_s = -LOOK_S

    def condition():
        nonlocal asked_s
        if time.monotonic() < asked_s + LOOK_S:
            return False
        asked_s = time.monotonic()
        return look()
    return condition


class Operator:
    """Clears stations that are latched, as a person would: by the service, again until it is taken.

    ``cleared``: {unit: how often} since it was last taken. Nobody clears a station whose world runs freely.
    """

    def __init__(self, watcher, units):
        self._watcher, self._units = watcher, units
        self._asked = {}
        self.cleared = dict.fromkeys(units, 0)

    def latched(self, unit):
        """Return whether the gate of ``unit`` said so last."""
        said = self._watcher.safety[unit]
        return bool(said) and said[-1].mode == SafetyState.MODE_LATCHED

    def free(self, unit):
        """Return whether the world of ``unit`` runs freely, as far as was heard."""
        said = self._watcher.worlds[unit]
        return bool(said) and said[-1].freely

    def look(self):
        """Clear what is to be cleared; return whether every gate is clear and no world runs freely."""
        for unit, (_, future) in list(self._asked.items()):
            if future.done():
                self.cleared[unit] += future.result().success
                del self._asked[unit]
        for unit in self._units:
            if self.latched(unit) and not self.free(unit):
                self._clear(unit)
        return not any(self.latched(unit) or self.free(unit) for unit in self._units)

    def _clear(self, unit):
        asked_s = self._asked[unit][0] if unit in self._asked else -ANSWER_S
        if time.monotonic() < asked_s + ANSWER_S:
            return
        client = self._watcher.proxy(Trigger, f'/{unit}/safety_gate/clear')
        if client.service_is_ready():
            # Asked again where no answer came: a killed gate stays in the graph for a while.
            self._asked[unit] = time.monotonic(), client.call_async(Trigger.Request())


class FaultLab:
    """``folder``: for everything about one campaign; the run folder lies on a disk of its own in it. ``trials``: its
    budget.

    ``with FaultLab(...) as lab:`` starts it, and ends whatever is left of it.
    """

    def __init__(self, folder, seed, trials):
        self.folder, self._seed, self._trials = folder, seed, trials
        self._stack = contextlib.ExitStack()
        self._size, self._records = -1, []
        self.lab = None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.disk = stack.enter_context(small_disk(self.folder / 'runs'))
            self._graph = stack.enter_context(Graph())
            self.watcher = stack.enter_context(Watcher.in_graph(self._graph))
            self.watcher.watch_worlds()
            for unit in fault_plan.UNITS:
                self.watcher.watch(unit, EVERY_STATE)
            self.operator = Operator(self.watcher, fault_plan.UNITS)
            stack.callback(self._end)
            path = self.folder / 'lab.yaml'
            path.write_text(LAB.format(seed=self._seed, policy=policy('swings_and_varies'), trials=self._trials))
            self.lab = LabProcess(self.folder, self._graph.domain_id, str(path))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc):
        return self._stack.__exit__(*exc)

    def _end(self):
        if self.lab is not None:
            self.lab.kill()

    # ---- what there is -----------------------------------------------------------------------
    @property
    def ended(self):
        """True where the process of the lab has ended."""
        return self.lab.process.poll() is not None

    def records(self):
        """Return the records of the ledger so far."""
        path = self.lab.run_dir / 'campaign' / ledger.NAME
        size = path.stat().st_size if path.exists() else 0
        if size != self._size:
            self._size, self._records = size, ledger.read(path.parent) if size else []
        return self._records

    @property
    def over(self):
        """True where the campaign has come to its end."""
        return bool(self.records()) and self.records()[-1].kind == 'end'

    def verdicts_since(self, began_ns, unit=''):
        """Return how many trials have a verdict whose rollout began later than ``began_ns``, on ``unit`` or on any."""
        found = [record.body for record in self.records() if record.kind == 'trial' and record.body['status'] != 'void']
        return sum(body['rollout_report']['started_at_ns'] > began_ns and unit in ('', body['unit']) for body in found)

    # ---- faults ------------------------------------------------------------------------------
    def target(self, fault):
        """Return the psutil.Process that ``fault`` is for, None where it isn't there (yet)."""
        if fault.target == fault_plan.SUPERVISOR:
            return psutil.Process(self.lab.process.pid)
        if fault.target.endswith(f'.{fault_plan.POLICY}'):
            return self._policy(fault.unit)
        return self.lab.child(fault.target)

    def _policy(self, unit):
        server = self.lab.child(f'{unit}.trial_server')
        logs = sorted((self.lab.run_dir / unit / 'policy_logs').glob('*.log'), key=os.path.getmtime)
        pids = policy_pids(logs[-1].read_text(), server.pid) if server and logs else []
        try:
            return psutil.Process(pids[0]) if pids else None
        except psutil.NoSuchProcess:
            return None

    def strike(self, fault, process):
        """Do what ``fault`` says to ``process`` and keep it up as long as it lasts."""
        if fault.kind == fault_plan.KILL:
            process.kill()
        elif fault.kind == fault_plan.STOP:
            process.suspend()
            self.watcher.within(STOPPED_S)
            with contextlib.suppress(psutil.NoSuchProcess):  # somebody else has ended it meanwhile
                process.resume()
        else:
            filler = Filler(self.disk)
            self.watcher.within(FULL_S, now_and_then(filler.fill))
            filler.remove()

    # ---- afterwards --------------------------------------------------------------------------
    def until_works(self, began_ns, unit='', seconds=AGAIN_S):
        """Wait until a trial that began after ``began_ns`` has a verdict, every gate is clear and all worlds stand or
        go on in lockstep; or the lab has ended. Return whether either came true in time.
        """
        def works():
            clear = self.operator.look()
            return self.ended or clear and self.verdicts_since(began_ns, unit) > 0
        return self.watcher.within(seconds, now_and_then(works))

    def until_ended(self, seconds=AGAIN_S):
        """Wait for the end of the lab, an operator beside it; return whether it came."""
        def ended():
            self.operator.look()
            self.watcher.forget()  # nothing is measured any more
            return self.ended
        return self.watcher.within(seconds, now_and_then(ended))

    def last_words(self):
        """Return what the lab that has ended said about why, '' where it said nothing: the last line of the process
        that ended it, or what the command itself says.
        """
        lines = self.lab.text().splitlines()
        said = [number for number, line in enumerate(lines) if line.startswith(ENDS)]
        if not said:
            return ''
        told = list(itertools.takewhile(lambda line: line.startswith('  ') or not line, lines[said[0] + 1:]))
        words = [line.strip() for line in told if line.strip()] or lines[said[-1]:said[-1] + 2]
        return records.without_folders(words[-1])[:LONGEST]

    def left(self):
        """Wait until no process is left of a lab that has ended; return what is left all the same."""
        self.watcher.within(LEFT_S, now_and_then(lambda: not self.lab.left()))
        return self.lab.left()

    def resume(self):
        """Go on with the campaign of a lab that has ended."""
        self.lab.kill()
        self.lab = LabProcess(self.folder, self._graph.domain_id, resume=True)
