"""Lets the tests import their helpers by name."""

import sys
from pathlib import Path

HERE = Path(__file__).parent

sys.path.insert(0, str(HERE / "helpers"))
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE.parents[2]))
