"""The error a user can do something about."""


class UserError(ValueError):
    """The input or the call is wrong.

    The message is one line: what was expected, what was found, the next step.
    The command line prints it after ``error:`` and ends with exit status 2.
    """
