"""``python -m autoai4eo`` is the command ``autoai4eo``.

Python puts the current folder first among the places of modules: here it comes last,
but what Python itself imports before is found there. The command, or ``python -P -m
autoai4eo``, is safe in a folder of others.
"""

import sys

if not sys.flags.safe_path:
    sys.path.append(sys.path.pop(0))

from autoai4eo.cli import main

main()
