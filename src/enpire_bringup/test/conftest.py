"""Lets the tests of this folder import what they share."""

import os
import sys

# pytest imports test files by path (--import-mode=importlib), and does not put their folder on sys.path.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
