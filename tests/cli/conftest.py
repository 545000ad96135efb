"""What tests of the command line share."""

from commands import run

__all__ = ["run"]
