"""``python -m autoai4eo`` is the command ``autoai4eo``."""

from autoai4eo.cli import main

main()
