"""The errors tsbench shows to its users, each with the exit code of the command that meets it."""


class TsbenchError(Exception):
    """Something the user can act on: shown as one line, without a traceback."""

    exit_code = 1


class UsageError(TsbenchError):
    """The command, a name or a parameter is wrong: nothing was started."""

    exit_code = 2


class MissingDataError(TsbenchError):
    """A dataset is known but not on this machine."""

    exit_code = 3


class InvalidDataError(TsbenchError):
    """A data file or array cannot be used as it is; the message says where and why."""


class MethodError(TsbenchError):
    """A method, encoder, transform or probe broke its contract or could not train."""


class StoreError(TsbenchError):
    """The result store cannot be opened, read or written."""


class TsbenchWarning(UserWarning):
    """Something the user should know that does not stop the work."""
