"""Small helpers that every ENPIRE node needs. Modules without ROS: joints, ticks, types, seeds, files."""
