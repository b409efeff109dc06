"""Lets the tests of this folder import what they share, and the pure parts of the system tests beside them."""

import os
import sys

# pytest imports test files by path (--import-mode=importlib), and does not put their folder on sys.path.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [_HERE, os.path.join(_HERE, 'system')]
