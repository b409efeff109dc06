"""A lab under `ros2 launch`: the same processes as `enpire lab`, from the same lab file.

    ros2 launch enpire_bringup lab.launch.py units:=2 task:=push_t
    ros2 launch enpire_bringup lab.launch.py lab:=my_lab.yaml trials:=0
"""

from enpire_bringup import launching
from enpire_tasks import registry
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction

# An empty value leaves what the lab file says.
FROM_FILE = ' Empty: what the lab file says.'


def generate_launch_description():
    """Return the arguments, and the function that reads the lab file when their values are known."""
    return LaunchDescription([
        DeclareLaunchArgument(
            'lab', default_value='',
            description='Lab file. Empty: config/lab.yaml of this package.'),
        DeclareLaunchArgument(
            'units', default_value='', description='How many stations.' + FROM_FILE),
        DeclareLaunchArgument(
            'task', default_value='', choices=['', *registry.names()],
            description='Task of enpire_tasks.' + FROM_FILE),
        DeclareLaunchArgument(
            'policy', default_value='',
            description='Policy under trial, a Python file.' + FROM_FILE),
        DeclareLaunchArgument(
            'artifact', default_value='',
            description='ONNX file that the policy loads; not in a campaign.' + FROM_FILE),
        DeclareLaunchArgument(
            'trials', default_value='',
            description='So many of the policy as it is, and no campaign; 0: trials are sent by hand.' + FROM_FILE),
        DeclareLaunchArgument(
            'budget', default_value='',
            description='A campaign of so many trials, the exam included.' + FROM_FILE),
        DeclareLaunchArgument(
            'secret_file', default_value='',
            description='Secret of the held-out resets, to repeat a campaign. Empty: what the lab file says, or a new '
                        'one.'),
        DeclareLaunchArgument(
            'seed', default_value='', description='Everything random derives from it.' + FROM_FILE),
        DeclareLaunchArgument(
            'real_time_factor', default_value='',
            description='Simulated seconds a wall second at most; 0: as fast as it goes.' + FROM_FILE),
        DeclareLaunchArgument(
            'folder', default_value='', description='Where run folders go.' + FROM_FILE),
        launching.on_this_machine(),
        # Which processes there are depends on the lab file: no substitution can say that
        # (docs/decisions/0006-launch-from-a-lab-file.md).
        OpaqueFunction(function=launching.lab_actions),
    ])
