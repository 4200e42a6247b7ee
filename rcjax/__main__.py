"""The command line: `rcjax`, `python -m rcjax` and `python launch.py` are the same door."""

import sys

from rcjax.extras import MissingExtraError
from rcjax.process import run_process
from rcjax.terminal import say_error


def main() -> int:
    """Runs the command line as a process of its own; see `rcjax.launch`."""
    return run_process(_launch)


def _launch() -> int:
    try:
        import absl.logging

        from rcjax.launch import main as launch
    except MissingExtraError as error:
        say_error(f"error: {error}")
        return 2

    # What orbax logs of a failure, it raises as well, and that becomes one line.
    absl.logging.set_verbosity(absl.logging.FATAL)
    return launch()


if __name__ == "__main__":
    sys.exit(main())
