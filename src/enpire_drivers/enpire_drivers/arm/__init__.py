"""What stands between a checked command and the motors, the same for every backend. No ROS inside."""
