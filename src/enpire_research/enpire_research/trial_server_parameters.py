"""Parameters of `trial_server`. No ROS."""

from dataclasses import dataclass

from enpire_core.params import parameter


@dataclass(frozen=True)
class TrialServerParameters:
    """Parameters of `trial_server`."""

    task: str = parameter(text='name of the task')
    run_dir: str = parameter(text="the station's folder in the run: outbox and policy_logs lie in it")
    unit: str = parameter('unit0', 'name of the station')
    lab_seed: int = parameter(0, 'seed of the lab, for the record', unit='1', ge=0)
    simulated: bool = parameter(True, 'the station is a simulated one: lockstep, frames of known ticks')
    scene: str = parameter('', "folder of the compiled scene, for the manifest; empty: `scene` beside run_dir")
    robot_limits: str = parameter('', "file of the robot's own limits; empty: the shipped one")
    task_limits: str = parameter('', "file of the limits by phase; empty: the task's own")
    driver_silence_s: float = parameter(3.0, 'wall time without joint_states that makes a trial void', ge=0.2, le=60.0)
    gate_silence_s: float = parameter(3.0, 'wall time without safety_state that makes a trial void', ge=0.2, le=60.0)
    camera_silence_s: float = parameter(5.0, 'wall time without the frame asked for that makes a trial void',
                                        ge=0.2, le=60.0)
    feedback_rate_hz: float = parameter(4.0, 'feedback of the actions, on wall time', ge=2.0, le=30.0)
    data_frames: int = parameter(64, 'pictures of a rollout that are kept for training, evenly spread; 0: none',
                                 unit='1', ge=0, le=1000)
    data_bytes: int = parameter(2 << 30, "size of the station's data folder from which on no pictures are kept", ge=0)
