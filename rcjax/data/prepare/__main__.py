"""`python -m rcjax.data.prepare NAME`: see the package."""

import sys

from rcjax.data.prepare.preparing import main
from rcjax.process import run_process

sys.exit(run_process(main))
