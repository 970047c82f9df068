"""The training scripts are no package: they are run as files, and import each other by name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "training" / "codes"))
