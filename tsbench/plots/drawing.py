"""What every drawing needs: a file that can be written, text that stays text, the same bytes for the same picture."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from tsbench.errors import UsageError
from tsbench.output import write_bytes
from tsbench.text import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")
MISSING = 'drawing needs matplotlib: pip install "tsbench[plots]"'
TITLE_LINES, NOTE_LINES = 2, 4
FORMATS = (".png", ".pdf", ".svg", ".jpg")
# Asked for letters that matplotlib's own font lacks, in this order, where they are installed.
FONTS = ("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans", "Arial Unicode MS", "Segoe UI", "WenQuanYi Zen Hei")


def check_output(option: str, out: Path) -> None:
    """Refuse, before any work, a file that cannot be written, or drawn; raises UsageError."""
    if out.suffix.lower() not in FORMATS:
        raise UsageError(f"{option} {out}: the name must end in one of {', '.join(FORMATS)}")
    if not out.parent.is_dir():
        raise UsageError(f"{option} {out}: there is no folder {out.parent}")
    try:
        existed = out.exists()
        out.open("ab").close()
        if not existed:
            out.unlink()
    except OSError as error:
        raise UsageError(f"{option} {out}: cannot be written: {error.strerror}") from None
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError(MISSING)


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw names as text: a dollar sign starts no formula, and a letter that no font has makes no noise."""
    import matplotlib
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    fonts = ["DejaVu Sans", *(name for name in FONTS if name in installed)]
    # Text in an SVG stays text: the viewer has the letters that are missing here.
    chosen: Any = {"font.family": fonts, "text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "tsbench"}
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()  # a matplotlibrc of the user's may have text set by LaTeX
        matplotlib.rcParams.update(chosen)
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return a figure of so many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Have a function that returns a figure draw in `style`; raises UsageError where matplotlib is missing."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **options: P.kwargs) -> Figure:
        try:
            import matplotlib.figure  # noqa: F401
        except ImportError:
            raise UsageError(MISSING) from None
        with style():
            return draw(*args, **options)

    return drawn


def written(figure: Figure, suffix: str) -> bytes:
    """Return a figure as a file of this suffix (".svg") holds it; the same figure gives the same bytes."""
    buffer, dated = io.BytesIO(), {".svg": "Date", ".pdf": "CreationDate"}.get(suffix)
    with style():
        figure.savefig(buffer, format=suffix[1:], dpi=120, metadata={dated: None} if dated else None)
    return buffer.getvalue()


def save(figure: Figure, out: Path) -> None:
    """Write a figure as the name of a file says, whole or not at all."""
    write_bytes(out, written(figure, out.suffix.lower()))


@contextlib.contextmanager
def drawing(width: float, height: float, out: Path) -> Iterator[Figure]:
    """Give a figure of so many inches to draw on, and `save` it."""
    with style():
        figure = new_figure(width, height)
        yield figure
        save(figure, out)


def caption(figure: Figure, title: str = "", note: str = "") -> None:
    """Write a title above a figure and a note below it, in lines as wide as the figure.

    A figure has room for TITLE_LINES and NOTE_LINES; for more it becomes higher, so that its axes keep their size.
    """
    width, height = figure.get_size_inches()
    above, below = textwrap.wrap(plain(title), int(width / 0.075)), textwrap.wrap(plain(note), int(width / 0.066))
    more = max(0, len(above) - TITLE_LINES) * 9 + max(0, len(below) - NOTE_LINES) * 8
    figure.set_figheight(height + 1.2 * more / 72)
    if above:
        figure.suptitle("\n".join(above), fontsize=9, x=0.01, ha="left")
    if below:
        figure.supxlabel("\n".join(below), fontsize=8, x=0.01, ha="left")


def short(text: str, length: int = 24) -> str:
    """Return a name on one line, cut to a length."""
    text = plain(text)
    return text if len(text) <= length else text[: length - 1] + "…"
