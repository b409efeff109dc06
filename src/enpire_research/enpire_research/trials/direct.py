"""The direct runner: world, gate, trial and verifier joined in one process, without DDS.

The same cores as on the graph and the same bits. Policies run in a process of their own here too, by
the same program: what they compute must not depend on what else this process has loaded.
"""

import os

from enpire_core.seeds import derive
from enpire_drivers.sim.cameras import parse_profile
from enpire_drivers.sim.rendering import RenderingError
from enpire_drivers.sim.scene import build_scene
from enpire_drivers.sim.station import DEFAULT_PROFILES, CommandRefused, EpisodeError, StationBroken, open_station
from enpire_research.trials.policy_process import PolicyHosts
from enpire_research.trials.recording import DATA, DataFolder, Recording
from enpire_research.trials.reset import ResetGoal, run_reset
from enpire_research.trials.rollout import RolloutGoal, run_rollout
from enpire_research.trials.station import Latched, Refused, StationFault
from enpire_research.trials.trial_setup import Hooks, make_setup
from enpire_safety.gate.core import GateCore
from enpire_safety.gate.verdict import PASSED
from enpire_tasks import registry

class DirectStation:
    """A Station from a SimStation and a GateCore. ``sim`` and ``gate`` stay open to tests and cards.

    ``profiles``: Profile by camera, those of ``sim``.
    """

    simulated = True

    def __init__(self, sim, gate, profiles):
        self.sim, self.gate, self._profiles = sim, gate, profiles
        self._trial_id = ''

    @property
    def unit(self):
        """Name of the station."""
        return self.sim.unit

    def wait_ready(self, cancelled):
        """See Station: it is there."""

    def begin(self, trial_id, phase):
        """See Station."""
        latched = self._latched()
        if latched:
            raise latched
        try:
            start = self.sim.begin(trial_id, phase)
        except (EpisodeError, StationBroken, OSError) as error:
            raise StationFault(f'the episode could not begin: {error}') from error
        self._trial_id = trial_id
        return start

    def observe(self):
        """See Station."""
        return self.sim.observe()

    def step(self, command):
        """See Station."""
        state = self.sim.observe()
        verdict = self.gate.step(state.stamp_ns, command, state)
        if verdict.command is None:
            raise self._latched() or StationFault(f'the gate gave no command: {verdict.text}')
        try:
            after = self.sim.command(verdict.command)
        except (CommandRefused, StationBroken) as error:
            raise StationFault(f'the arm driver did not move: {error}') from error
        latched = self._latched()
        if latched:
            raise latched
        if verdict.decision != PASSED:
            raise Refused(verdict.text, after, verdict.rule, verdict.joint, verdict.limit, verdict.value,
                          verdict.unit)
        return after

    def _latched(self):
        if not self.gate.latched:
            return None
        return Latched(self.gate.latched, self.gate.status().verdict.rule)

    def capture(self, camera):
        """See Station."""
        try:
            return self.sim.frame(camera)
        except RenderingError as error:
            raise StationFault(f'{camera}: no picture could be made: {error}') from error

    def camera_info(self, camera):
        """See Station."""
        return self.sim.camera_info(camera)

    def cameras(self):
        """See Station."""
        return tuple(self._profiles)

    def camera_period(self, camera):
        """See Station."""
        return self._profiles[camera].period_ticks

    def select_limits(self, profile):
        """See Station."""
        done, text = self.gate.select(profile)
        if not done:
            raise StationFault(f'the gate did not select its limits: {text}')

    def waiting(self):
        """Nothing to say: nobody watches the wall clock here."""

    def put_back(self):
        """See Station."""
        try:
            self.sim.put_back()
        except EpisodeError as error:
            raise StationFault(f'the objects could not be put back: {error}') from error
        return True

    def end(self, cut_off=''):
        """See Station."""
        try:
            end = self.sim.end(self._trial_id, cut_off)
            # On the graph a timer of the driver does this, in wall time.
            while self.sim.free_tick() is not None:
                continue
        except (EpisodeError, StationBroken) as error:
            raise StationFault(f'the episode could not end: {error}') from error
        return end


def make_station(setup, unit='unit0', lab_seed=0, scene=None, profiles=None, records_folder=None):
    """Return the DirectStation that the lab with ``lab_seed`` has as ``unit``.

    ``scene``: a Scene or the folder of one (None: built from the task); ``profiles``: color profile
    ('640x480x15') by camera, the driver's own where none is named.
    """
    scene = build_scene(setup.task.scene()) if scene is None else scene
    texts = {**DEFAULT_PROFILES, **(profiles or {})}
    profiles = {name: parse_profile(text, name) for name, text in texts.items()}
    sim = open_station(scene, unit, lab_seed, profiles, records_folder=records_folder)
    return DirectStation(sim, GateCore(setup.gate_limits), profiles)


def trial_seed(lab_seed, index):
    """Return the seed of trial ``index`` of a lab."""
    return derive(lab_seed, 'trial', index)


class DirectRunner:
    """Runs trials on one DirectStation.

    ``folder``: for records, what policies print (made if need be); with ``data`` also what training takes.
    `close` ends the policy processes.
    """

    def __init__(self, setup, station, folder, hooks=None, data=False):
        self.setup, self.station, self.hooks = setup, station, hooks or Hooks()
        self._logs = os.path.join(os.path.abspath(folder), 'policy_logs')
        os.makedirs(self._logs, mode=0o700, exist_ok=True)
        self._hosts = PolicyHosts()
        self._data = DataFolder(os.path.join(os.path.abspath(folder), DATA), self.hooks.log) if data else None

    @classmethod
    def create(cls, task_name, folder, unit='unit0', lab_seed=0, hooks=None, profiles=None, data=False):
        """Return a runner of the task called ``task_name``, with records kept in ``folder``."""
        setup = make_setup(registry.get(task_name))
        station = make_station(setup, unit, lab_seed, profiles=profiles,
                               records_folder=os.path.join(folder, 'records'))
        return cls(setup, station, folder, hooks, data)

    def reset(self, trial_id, seed, max_tries=0):
        """Run a reset; return its Report."""
        self._hosts.prepare()
        return run_reset(self.setup, self.station, ResetGoal(trial_id, seed, max_tries), self.hooks)

    def rollout(self, trial_id, seed, policy_file, **goal):
        """Run a rollout; return its Report. ``goal``: further fields of RolloutGoal."""
        self._hosts.prepare()
        recording = Recording() if self._data is not None else None
        report = run_rollout(self.setup, self.station, self._hosts, RolloutGoal(trial_id, seed, policy_file, **goal),
                             self.hooks, os.path.join(self._logs, f'{trial_id}.log'), recording=recording)
        if recording is not None:
            self._data.put(report, recording)
        return report

    def restore(self, record):
        """Put the station into the state of a record file, with a fresh gate; RecordError, EpisodeError."""
        self.station.sim.restore(record)
        self.station.gate = GateCore(self.setup.gate_limits)

    def trial(self, index, policy_file, **goal):
        """Run trial ``index`` of the lab: reset, and rollout if it succeeded. Return both Reports (or None)."""
        seed, trial_id = trial_seed(self.station.sim.lab_seed, index), f'trial-{index:05d}'
        reset = self.reset(trial_id, seed)
        if reset.status != 'succeeded':
            return reset, None
        return reset, self.rollout(trial_id, seed, policy_file, **goal)

    def close(self):
        """End what was started."""
        self._hosts.close()
        if self._data is not None:
            self._data.close()
        self.station.sim.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
