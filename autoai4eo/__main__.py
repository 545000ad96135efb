"""``python -m autoai4eo`` is the command ``autoai4eo``.

Python puts the current folder first among the places of modules: here it comes last,
but what Python itself imports before is found there. The command, or ``python -P -m
autoai4eo``, is safe in a folder of others.
"""

import sys


def main() -> None:
    """Runs a command; ``device serve`` without the packages that the others need."""
    if sys.argv[1:3] == ["device", "serve"]:
        from autoai4eo.devices.serving import run

        run()
    from autoai4eo.cli import main

    main()


if __name__ == "__main__":
    if not sys.flags.safe_path:
        sys.path.append(sys.path.pop(0))
    main()
