"""The command line ``dispute-hub``. Importing it costs little: every command loads its parts when it runs."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from app.cli.errors import guarded
    from app.cli.root import run

    sys.exit(guarded(run))
