"""The command line: parse, call, print."""

from autoai4eo.cli.main import main as main
