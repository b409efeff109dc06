"""The direct runner: world, gate, trial and verifier joined in one process, without DDS.

The same cores as on the graph and the same bits. Policies run in a process of their own here too, by
the same program: what they compute must not depend on what else this process has loaded.
"""

import os

from enpire_core.seeds import derive
from enpire_drivers.sim.cameras import parse_profile
from enpire_drivers.sim.parameters import StationParameters
from enpire_drivers.sim.scene import build_scene
from enpire_drivers.sim.station import CommandRefused, EpisodeError, SimStation, StationBroken
from enpire_drivers.sim.world import World
from enpire_research.trials.policy_process import PolicyHosts
from enpire_research.trials.reset import ResetGoal, run_reset
from enpire_research.trials.rollout import RolloutGoal, run_rollout
from enpire_research.trials.station import EpisodeEnd, EpisodeStart, Latched, Refused, StationFault
from enpire_research.trials.trial_setup import Hooks, make_setup
from enpire_safety.gate.core import GateCore
from enpire_safety.gate.verdict import PASSED
from enpire_tasks import registry

CAMERA_PROFILES = {'top_camera': '640x480x15', 'left_wrist_camera': '320x240x15',
                   'right_wrist_camera': '320x240x15'}


class DirectStation:
    """A Station from a SimStation and a GateCore. ``sim`` and ``gate`` stay open to tests and cards."""

    simulated = True

    def __init__(self, sim, gate):
        self.sim, self.gate = sim, gate
        self._trial_id = ''

    @property
    def unit(self):
        """Name of the station."""
        return self.sim.unit

    def begin(self, trial_id, phase):
        """See Station."""
        try:
            start = self.sim.begin(trial_id, phase)
        except (EpisodeError, OSError) as error:
            raise StationFault(f'the episode could not begin: {error}') from error
        self._trial_id = trial_id
        return EpisodeStart(start.stamp_ns, start.record, start.digest)

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
        return self.sim.frame(camera)

    def camera_info(self, camera):
        """See Station."""
        return self.sim.camera_info(camera)

    def cameras(self):
        """See Station."""
        return tuple(CAMERA_PROFILES)

    def camera_period(self, camera):
        """See Station."""
        return self.sim.profiles[camera].period_ticks

    def select_limits(self, profile):
        """See Station."""
        done, text = self.gate.select(profile)
        if not done:
            raise StationFault(f'the gate did not select its limits: {text}')

    def waiting(self):
        """Nothing to say: nobody watches the wall clock here."""

    def end(self):
        """See Station."""
        try:
            end = self.sim.end(self._trial_id)
        except EpisodeError as error:
            raise StationFault(f'the episode could not end: {error}') from error
        return EpisodeEnd(end.stamp_ns, end.digest, end.broken)


def make_station(setup, unit='unit0', lab_seed=0, scene=None, profiles=None, records_folder=None,
                 parameters=None):
    """Return the DirectStation that the lab with ``lab_seed`` has as ``unit``.

    ``scene``: a Scene (None: built from the task); ``profiles``: color profile by camera, those of
    CAMERA_PROFILES where none is named; ``parameters``: StationParameters (None: drawn).
    """
    scene = build_scene(setup.task.scene()) if scene is None else scene
    parameters = StationParameters.draw(lab_seed, unit) if parameters is None else parameters
    profiles = {name: parse_profile(text, name) for name, text in {**CAMERA_PROFILES, **(profiles or {})}.items()}
    sim = SimStation(lambda drawn: World(scene, drawn), parameters, unit=unit, lab_seed=lab_seed,
                     profiles=profiles, scene_digest=scene.meta.digest, records_folder=records_folder)
    sim.profiles = profiles
    return DirectStation(sim, GateCore(setup.gate_limits))


def trial_seed(lab_seed, index):
    """Return the seed of trial ``index`` of a lab."""
    return derive(lab_seed, 'trial', index)


class DirectRunner:
    """Runs trials on one DirectStation.

    ``folder``: for records, what policies print (made if need be). `close` ends the policy processes.
    """

    def __init__(self, setup, station, folder, hooks=None):
        self.setup, self.station, self.hooks = setup, station, hooks or Hooks()
        self._logs = os.path.join(os.path.abspath(folder), 'policy_logs')
        os.makedirs(self._logs, mode=0o700, exist_ok=True)
        self._hosts = PolicyHosts()

    @classmethod
    def create(cls, task_name, folder, unit='unit0', lab_seed=0, hooks=None, profiles=None):
        """Return a runner of the task called ``task_name``, with records kept in ``folder``."""
        setup = make_setup(registry.get(task_name))
        station = make_station(setup, unit, lab_seed, profiles=profiles,
                               records_folder=os.path.join(folder, 'records'))
        return cls(setup, station, folder, hooks)

    def reset(self, trial_id, seed, max_tries=0):
        """Run a reset; return its Report."""
        self._hosts.prepare()
        return run_reset(self.setup, self.station, ResetGoal(trial_id, seed, max_tries), self.hooks)

    def rollout(self, trial_id, seed, policy_file, **goal):
        """Run a rollout; return its Report. ``goal``: further fields of RolloutGoal."""
        return run_rollout(self.setup, self.station, self._hosts, RolloutGoal(trial_id, seed, policy_file, **goal),
                           self.hooks, os.path.join(self._logs, f'{trial_id}.log'))

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
        self.station.sim.world.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
