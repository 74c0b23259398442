"""The errors tsbench shows to its users, each with the exit code of the command that meets it."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


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


class InvalidCaseError(InvalidDataError):
    """A case cannot be used by code that knows no names of cases; before, after : the message around the case.

    case : its number.
    """

    def __init__(self, before: str, case: int, after: str) -> None:
        super().__init__(before, case, after)
        self.before, self.case, self.after = before, case, after

    def __str__(self) -> str:
        return f"{self.before}case {self.case}{self.after}"

    def named(self, name: str) -> InvalidDataError:
        """Return the error of a case that has a name."""
        return InvalidDataError(f"{self.before}case {name}{self.after}")


class MethodError(TsbenchError):
    """A method, encoder, transform or probe broke its contract or could not train."""


class StoreError(TsbenchError):
    """The result store cannot be opened, read or written."""


# Whatever the code of a plugin raises, leaving the interpreter included, is its own failure alone.
CODE_OF_OTHERS_FAILS = (Exception, SystemExit)


def returned(value: T, kind: type[T], what: str, error: type[TsbenchError] = MethodError) -> T:
    """Return what the code of a plugin returned; raises `error` naming it where it is not of the declared kind."""
    if not isinstance(value, kind):
        raise error(f"{what} returned {type(value).__name__}, expected {kind.__name__}")
    return value


class TsbenchWarning(UserWarning):
    """Something the user should know that does not stop the work."""
