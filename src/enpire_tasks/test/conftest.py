"""Lets the tests of this folder import their helpers by name."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
