"""Puts the helpers of this folder on the path (test folders are no packages)."""
import os
import sys

os.environ.setdefault('MUJOCO_GL', 'egl')
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
