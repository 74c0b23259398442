"""The command line: one file per command, imported only when that command runs."""

from __future__ import annotations

import os
import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 3 data missing, 130 interrupted."""
    import click

    from tsbench.cli.group import cli
    from tsbench.cli.ui.pipes import outlive_readers
    from tsbench.errors import TsbenchError
    from tsbench.terminal import echo, echo_wrong_usage, guard

    outlive_readers()
    guard()
    try:
        code = cli.main(args=arguments, prog_name="tsbench", standalone_mode=False)
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.ClickException as error:
        echo_wrong_usage(error)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        echo("interrupted", err=True)
        code = 130
    except TsbenchError as error:
        _show(error, debug_wanted())
        code = error.exit_code
    except Exception as error:
        _show(error, debug_wanted())
        if not debug_wanted():
            echo("This should not happen; --debug shows where it did.", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def debug_wanted() -> bool:
    """Say whether tracebacks are to be shown (--debug, or TSBENCH_DEBUG set to anything but 0)."""
    return os.environ.get("TSBENCH_DEBUG", "0") not in ("", "0")


def _show(error: Exception, debug: bool) -> None:
    from tsbench.errors import TsbenchError
    from tsbench.terminal import echo, echo_traceback

    if debug:
        echo_traceback(error)

    text = " ".join(str(error).split())
    echo(f"error: {text if isinstance(error, TsbenchError) else f'{type(error).__name__}: {text}'}", err=True)
