"""A station in rviz: robots, cameras, workspace, goal and verdict.

    ros2 launch enpire_bringup view.launch.py unit:=unit0

It only looks: start a lab beside it (`enpire lab`, or lab.launch.py).
"""

from enpire_bringup.launching import ForUnit, on_this_machine
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction
from launch.conditions import IfCondition
from launch.substitutions import FileContent, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node, PushRosNamespace
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare


def generate_launch_description():
    """Return robot_state_publisher and rviz2 in the unit's namespace, on the unit's clock."""
    unit = LaunchConfiguration('unit')
    clock = [('/clock', 'clock')]
    return LaunchDescription([
        DeclareLaunchArgument('unit', default_value='unit0', description='Station to look at.'),
        DeclareLaunchArgument(
            'description', description='URDF of the station.',
            default_value=PathJoinSubstitution(
                [FindPackageShare('enpire_description'), 'urdf', 'yam_station.urdf'])),
        DeclareLaunchArgument(
            'config', description='rviz configuration, written for unit0.',
            default_value=PathJoinSubstitution(
                [FindPackageShare('enpire_bringup'), 'rviz', 'station.rviz'])),
        DeclareLaunchArgument(
            'rviz', default_value='true', choices=['true', 'false'],
            description='Start rviz2; false: only publish the transforms.'),
        on_this_machine(),
        GroupAction([
            PushRosNamespace(unit),
            Node(
                package='robot_state_publisher', executable='robot_state_publisher',
                remappings=clock, output='screen',
                parameters=[{
                    'robot_description': ParameterValue(
                        FileContent(LaunchConfiguration('description')), value_type=str),
                    'frame_prefix': [unit, '/'],
                    'use_sim_time': True,
                }]),
            Node(
                package='rviz2', executable='rviz2', remappings=clock, output='screen',
                arguments=['-d', ForUnit(LaunchConfiguration('config'), unit)],
                parameters=[{'use_sim_time': True}],
                condition=IfCondition(LaunchConfiguration('rviz'))),
        ]),
    ])
