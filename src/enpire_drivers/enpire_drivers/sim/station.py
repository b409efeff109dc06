"""A simulated station: one world with its two arms, its cameras, its clock and its records.

Control tick k has the stamp tick_to_ns(k). Inside an episode each command with the stamp of the
current tick moves the world by exactly one tick; anything else leaves it as it is. Outside an episode
the clock stands still, but for the free run after an episode that broke (see `lockstep`).

What happens is a function of the state at the episode's start, the station's parameters and the
commands. Wall time is handed in, and all it can do is break an episode; who looks at a camera, or
how often, changes nothing.

Not covered: threads. One thread at a time may use a station.
"""

import contextlib
import hashlib

import numpy as np

from enpire_core.ticks import tick_to_ns
from enpire_core.types import EpisodeEnd, EpisodeStart

from enpire_drivers.arm import power
from enpire_drivers.arm.follower import CommandRefused, Follower
from enpire_drivers.arm.power import PowerError
from enpire_drivers.sim import records
from enpire_drivers.sim.cameras import DEFAULT_PROFILES, FrameBook, parse_profile
from enpire_drivers.sim.lockstep import FREE_RUN_TICKS, SILENCE_S, EpisodeError, Lockstep, Mode
from enpire_drivers.sim.parameters import StationParameters
from enpire_drivers.sim.scene import Scene, load_scene
from enpire_drivers.sim.world import World

__all__ = ['CommandRefused', 'EpisodeError', 'Mode', 'PowerError', 'SimStation', 'StationBroken', 'open_station']


class StationBroken(RuntimeError):
    """The world could not be moved: the episode is broken. The text has the cause."""


class SimStation:
    """One simulated station.

    ``make_world``: called with the station's parameters, returns a world (`sim.world.World` bound to
    its scene); ``parameters``: those drawn for this station; ``unit``, ``lab_seed``: for the record;
    ``profiles``: Profile by camera; ``scene_digest``: what tells the scene from any other, for the
    record; ``records_folder``: where records go (made if need be, 0700; one that others may look into is
    refused), None keeps none; ``command_max_age_s``: the follower's; ``silence_s``: wall seconds, see `lockstep`;
    ``power_limits``: a `arm.power.PowerLimits`, None: those that are shipped.
    """

    def __init__(self, make_world, parameters, *, unit, lab_seed, profiles, scene_digest,
                 records_folder=None, command_max_age_s=0.1, silence_s=SILENCE_S,
                 free_run_ticks=FREE_RUN_TICKS, power_limits=None):
        self.unit, self.lab_seed = unit, lab_seed
        self._make_world = make_world
        self._scene_digest = scene_digest
        self._records_folder = records_folder
        self._fault = ''
        self._lockstep = Lockstep(silence_s, free_run_ticks)
        self._book = FrameBook(profiles)
        self.parameters = parameters
        self.world = make_world(parameters)
        self.tick = 0
        self._state = _sealed(self.world.joint_state(0))
        self._follower = Follower(self._state.positions, command_max_age_s)
        self._guard = power.PowerGuard(power_limits or power.load_limits())
        self._power_cut = ''
        self._is_put_back = False
        self._take_frames()

    # ---- looking ---------------------------------------------------------------------------
    @property
    def stamp_ns(self):
        """The stamp [ns] of the current tick: the unit's clock."""
        return self._state.stamp_ns

    @property
    def mode(self):
        """What moves the clock now (`lockstep.Mode`)."""
        return self._lockstep.mode

    @property
    def holding(self):
        """True while the follower's own stop is in force."""
        return self._follower.holding

    @property
    def episode(self):
        """(trial_id, phase) of the episode that was begun and not ended, or ('', '')."""
        return self._lockstep.trial_id, self._lockstep.phase

    @property
    def broken(self):
        """Why the last episode broke, or ''."""
        return self._lockstep.broken

    @property
    def power_cut(self):
        """Why the motors have no power, or ''."""
        return self._power_cut

    @property
    def dead(self):
        """True once physics has failed: nothing can begin any more."""
        return bool(self._fault)

    def observe(self):
        """Return the measured JointState of the current tick; its arrays can't be written into."""
        return self._state

    def digest(self):
        """Return the SHA-256 (hex) of world, follower and tick."""
        return _digest(self.world.state_bytes(), self._follower.state_bytes(), self.tick)

    def frame_stamp(self, camera):
        """Return the stamp [ns] of the newest frame of ``camera``; nothing is rendered."""
        self._book.check_camera(camera)
        return tick_to_ns(self._book.ticks[camera])

    def frame(self, camera, depth=False):
        """Return the newest Frame of ``camera``: that of the latest multiple of its period.

        Rendered at the first call for a stamp and kept until the next one. ``depth``: with depth.
        ValueError for an unknown camera.
        """
        return self._book.frame(self.world, camera, depth)

    @property
    def cameras(self):
        """The names of the cameras."""
        return tuple(self._book.profiles)

    @property
    def frames_version(self):
        """Another number whenever a camera may have another newest frame: cheap to look at."""
        return self._book.version

    def rendered(self, camera):
        """Return how many frames of ``camera`` were rendered so far."""
        self._book.check_camera(camera)
        return self._book.rendered[camera]

    def open_camera(self, camera):
        """Prepare for frames of ``camera``: the first one takes no longer then. RenderingError: it can't."""
        self._book.check_camera(camera)
        profile = self._book.profiles[camera]
        self.world.open_camera(camera, profile.width, profile.height)

    def reset_camera(self, camera):
        """Start the renderer anew and drop what it made of ``camera``; later pixels are the same."""
        self._book.forget_frames(camera)
        self.world.close()

    def camera_info(self, camera):
        """Return the nominal CameraInfo of ``camera`` at its profile's size."""
        self._book.check_camera(camera)
        profile = self._book.profiles[camera]
        return self.world.camera_info(camera, profile.width, profile.height)

    # ---- episodes --------------------------------------------------------------------------
    def begin(self, trial_id, phase):
        """Record the state, enter lockstep for ``phase`` ('reset', 'rollout'), return EpisodeStart.

        EpisodeError where an episode is under way, the motors have no power or the names are wrong, OSError where
        the record can't be written, StationBroken where physics failed before: nothing begins then.
        """
        if self._fault:
            raise StationBroken(f'{self._fault}: start the station anew')
        self._check_power()
        self._lockstep.check_begin(trial_id, phase)
        record = self._record(trial_id, phase)
        name = ''
        if self._records_folder is not None:
            name = records.write(records.open_folder(self._records_folder), record)
        self._lockstep.begin(trial_id, phase)
        self._is_put_back = False
        return EpisodeStart(self.stamp_ns, name, record.digest)

    def end(self, trial_id, fault=''):
        """Leave lockstep and return EpisodeEnd; EpisodeError: no such episode.

        The clock stands still then. ``fault``: why the phase was cut off because a part of the station
        failed or was stopped; the episode breaks for it, and `free_tick` moves the world until it stands.
        """
        broken = self._lockstep.end(trial_id, fault)
        return EpisodeEnd(self.stamp_ns, self.digest(), broken)

    def command(self, command):
        """Move the world by one tick towards ``command`` and return the next JointState.

        Raises CommandRefused, with nothing moved, outside lockstep, for another stamp than the current
        tick's, and for a command that is not 14 finite values; StationBroken where physics fails.
        """
        if self._lockstep.mode is not Mode.LOCKSTEP:
            raise CommandRefused('commands are taken only inside an episode, and the world is in mode '
                                 f'"{self._lockstep.mode.value}": begin an episode first')
        return self._advance(self._follower.follow(command, self._state.stamp_ns))

    def put_back(self):
        """Put the objects back to where they lay at first, as a person would who is called to a station.

        Inside the episode of a reset only: EpisodeError otherwise. Takes no time; the next frames show it. Once in an
        episode: whoever heard no answer and asks again moves nothing, and the answer is the same.
        """
        if self._lockstep.mode is not Mode.LOCKSTEP or self._lockstep.phase != 'reset':
            raise EpisodeError('objects are put back only inside the episode of a reset: begin one first')
        if not self._is_put_back:
            self.world.put_back()
            self._is_put_back = True

    # ---- power -----------------------------------------------------------------------------
    def cut_power(self, reason):
        """Take the power from the motors: from this tick on the arms are limp. An episode under way is broken.

        The world runs freely then, so that they fall; no command moves it and nothing begins until `restore_power`.
        So no state is ever recorded without power. Twice is fine: the first reason stays.
        """
        if self._power_cut:
            return
        self._power_cut = reason
        self.world.set_power(False)
        self._run_freely(f"the motors' power was cut: {reason}")

    def restore_power(self):
        """Give the motors their power back: they hold where the arms are, and the world runs freely to show it.

        Limp arms are lifted by hand before, to where they stood at first: on a bench a person has to, a simulated
        station has a hand for it. PowerError unless the arms are at rest: they stay limp, and the world runs on, for
        them to come to rest.
        """
        if not self._power_cut:
            return
        try:
            power.check_at_rest(self._state)
        except PowerError:
            if self.mode is not Mode.FREE_RUN:
                self._run_freely(f"the motors' power was cut: {self._power_cut}")
            raise
        self.world.lift_arms()
        self._state = _sealed(self.world.joint_state(self.stamp_ns))
        self._follower.hold(self._state.positions)
        self._guard.forget()
        self._power_cut = ''
        self.world.set_power(True)
        self._run_freely("the motors' power came back")

    def _run_freely(self, reason):
        if not self._fault:  # a world in which physics failed can't be moved
            self._lockstep.run_freely(reason)

    def _check_power(self):
        if self._power_cut:
            raise EpisodeError(f'expected motors with power, but it was cut: {self._power_cut}: look at the station, '
                               'then restore it (`enpire power --restore`)')

    # ---- wall time -------------------------------------------------------------------------
    def heard(self, wall_s):
        """Note a command taken, or a sign of life, at steady wall time ``wall_s``."""
        self._lockstep.heard(wall_s)

    def check_silence(self, wall_s):
        """Break the episode where nothing was heard for too long; True if that happened just now."""
        return self._lockstep.check_silence(wall_s)

    def break_episode(self, reason):
        """Break the episode under way, if there is one, because of a fault of the station itself."""
        if self._lockstep.mode is Mode.LOCKSTEP:
            self._lockstep.break_episode(reason)

    def free_tick(self):
        """Move the world by one tick of a free run, the follower's own stop in force.

        Returns the next JointState, or None where there is no free run (any more). The caller calls
        it at 30 Hz of wall time: after a break the world runs in real time.
        """
        if not self._lockstep.take_free_tick():
            return None
        return self._advance(self._follower.coast(self.tick, self._state.positions))

    def close(self):
        """Close the world's renderer; may be called twice. The next look opens it again."""
        self.world.close()

    # ---- records ---------------------------------------------------------------------------
    def restore(self, path):
        """Put the station into the state recorded at ``path``, parameters included; returns the digest.

        RecordError for a record that can't be read, is of another scene or of other camera profiles,
        has a number that can't be, or whose state does not have the digest it says; EpisodeError inside
        an episode and without power. The station is as it was then.
        """
        record = records.read(path)
        self._check_power()
        records.check_fits(record, path, self._scene_digest, self._book.profiles)
        self._lockstep.check_forget()
        with _said_of(path):
            parameters = type(self.parameters).from_dict(record.parameters)
            world = self.world if parameters == self.parameters else self._make_world(parameters)
            world.check_record(record.world, record.snapshots.values())
        before = self.world.state_bytes(), self._follower.state_bytes()
        try:
            with _said_of(path):
                state = self._restore_state(world, record, path)
        except BaseException:
            self.world.restore_bytes(before[0])
            self._follower.restore_bytes(before[1])
            raise
        self._lockstep.forget()
        if world is not self.world:
            self.world.close()
        self.world, self.parameters, self.tick = world, parameters, record.tick
        self.unit, self.lab_seed = record.unit, record.lab_seed
        self._state = state
        self._fault = ''
        self._book.replace(record.frame_ticks, record.snapshots)
        return record.digest

    def _restore_state(self, world, record, path):
        self._follower.restore_bytes(record.follower)
        world.restore_bytes(record.world)
        digest = _digest(world.state_bytes(), self._follower.state_bytes(), record.tick)
        if digest != record.digest:
            raise records.RecordError(f'{path}: expected the digest {record.digest} after restoring, got '
                                      f'{digest}: the file is damaged, or another version wrote it')
        return _sealed(world.joint_state(tick_to_ns(record.tick)))

    def _record(self, trial_id, phase):
        world, follower = self.world.state_bytes(), self._follower.state_bytes()
        return records.Record(
            unit=self.unit, lab_seed=self.lab_seed, trial_id=trial_id, phase=phase, tick=self.tick,
            scene_digest=self._scene_digest, digest=_digest(world, follower, self.tick), world=world,
            follower=follower, parameters=self.parameters.to_dict(),
            cameras={camera: str(profile) for camera, profile in self._book.profiles.items()},
            frame_ticks=dict(self._book.ticks), snapshots=dict(self._book.snapshots))

    # ---- moving ----------------------------------------------------------------------------
    def _advance(self, motion):
        try:
            self.world.step_tick(motion.positions, motion.velocities, motion.feedforward)
            state = self.world.joint_state(tick_to_ns(self.tick + 1))
            if not (np.isfinite(state.positions).all() and np.isfinite(state.velocities).all()):
                raise ValueError('expected finite joint states, got '
                                 f'positions {state.positions}, velocities {state.velocities}')
        except Exception as error:
            self._fault = f'the world could not be moved in tick {self.tick}: {error}'
            self._lockstep.stop(self._fault)
            raise StationBroken(self._fault) from error
        self.tick += 1
        self._state = _sealed(state)
        self._take_frames()
        if not self._power_cut:
            reason = self._guard.see(state.stamp_ns, self._follower.holding, state)
            if reason:
                self.cut_power(reason)
        return state

    def _take_frames(self):
        due = self._book.due(self.tick)
        if due:
            self._book.note(self.tick, due, self.world.snapshot())


def open_station(scene, unit, lab_seed, profiles=None, **options):
    """Return the SimStation of ``unit`` in the lab with ``lab_seed``, standing at its start.

    ``scene``: a `sim.scene.Scene` or the folder of one; ``profiles``: by camera, a Profile or its text
    ('640x480x15'); a camera that is not named has its default. ``options``: see SimStation. Raises
    SceneError for a scene that can't be loaded, ValueError for the rest.
    """
    scene = scene if isinstance(scene, Scene) else load_scene(scene)
    texts = {**DEFAULT_PROFILES, **{camera: str(profile) for camera, profile in (profiles or {}).items()}}
    unknown = sorted(set(texts) - set(DEFAULT_PROFILES))
    if unknown:
        raise ValueError(f'expected cameras out of {", ".join(DEFAULT_PROFILES)}, got {unknown[0]!r}')
    return SimStation(lambda parameters: World(scene, parameters), StationParameters.draw(lab_seed, unit),
                      unit=unit, lab_seed=lab_seed, scene_digest=scene.meta.digest,
                      profiles={camera: parse_profile(text, camera) for camera, text in texts.items()},
                      **options)


@contextlib.contextmanager
def _said_of(path):
    """Say of what is wrong in a record in which file it is."""
    try:
        yield
    except records.RecordError:
        raise
    except Exception as error:
        raise records.RecordError(f'{path}: {error or type(error).__name__}: restore another record') from error


def _sealed(state):
    """Return ``state``, its arrays closed for writing: everybody who looks at a tick gets the same ones."""
    for values in (state.positions, state.velocities, state.efforts):
        values.flags.writeable = False
    return state


def _digest(world, follower, tick):
    """SHA-256 (hex) over the parts of a station's state, each with its length before it."""
    digest = hashlib.sha256()
    for part in (world, follower, tick.to_bytes(8, 'little')):
        digest.update(len(part).to_bytes(8, 'little'))
        digest.update(part)
    return digest.hexdigest()
