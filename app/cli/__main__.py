"""``python -m app.cli`` is ``dispute-hub``."""

from app.cli import main

main()
