"""The command line: one file per command, imported only when that command runs."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

_FORMAT = warnings.formatwarning


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 3 data missing, 130 interrupted."""
    import click

    from tsbench.cli.group import cli
    from tsbench.errors import TsbenchError

    warnings.formatwarning = _format_warning  # type: ignore[assignment]
    try:
        code = cli.main(args=arguments, prog_name="tsbench", standalone_mode=False)
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        code = 130
    except TsbenchError as error:
        _show(error, debug_wanted())
        code = error.exit_code
    except Exception as error:
        _show(error, debug_wanted())
        if not debug_wanted():
            click.echo("This should not happen; --debug shows where it did.", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def debug_wanted() -> bool:
    """Say whether tracebacks are to be shown (--debug, or TSBENCH_DEBUG set to anything but 0)."""
    return os.environ.get("TSBENCH_DEBUG", "0") not in ("", "0")


def _format_warning(message: Any, category: type[Warning], *place: Any) -> str:
    """Show what tsbench has to say without the place in its code."""
    from tsbench.errors import TsbenchWarning

    return f"warning: {message}\n" if issubclass(category, TsbenchWarning) else _FORMAT(message, category, *place)


def _show(error: Exception, debug: bool) -> None:
    import click

    if debug:
        import traceback

        traceback.print_exception(error)
    from tsbench.errors import TsbenchError

    text = " ".join(str(error).split())
    click.echo(f"error: {text if isinstance(error, TsbenchError) else f'{type(error).__name__}: {text}'}", err=True)
