"""Runs one experiment: `python launch.py --config=configs/digits.py --workdir=DIR`."""

import sys

from rcjax.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
