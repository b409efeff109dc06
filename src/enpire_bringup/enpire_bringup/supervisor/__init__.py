"""Starts processes in order, watches, restarts and stops them. Knows no ROS."""
