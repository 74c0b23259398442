"""What every drawing needs: a file that can be written, text that stays text, the same bytes for the same picture."""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsbench.errors import UsageError
from tsbench.text import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
        raise UsageError('drawing needs matplotlib: pip install "tsbench[plots]"')


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw names as text: a dollar sign starts no formula, and a letter that no font has makes no noise."""
    import matplotlib
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    fonts = ["DejaVu Sans", *(name for name in FONTS if name in installed)]
    # Text in an SVG stays text: the viewer has the letters that are missing here.
    chosen: Any = {"font.family": fonts, "text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "tsbench"}
    with matplotlib.rc_context(chosen), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


@contextlib.contextmanager
def drawing(width: float, height: float, out: Path) -> Iterator[Figure]:
    """Give a figure of so many inches to draw on, and write it to a file; the same picture gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        dated = {".svg": "Date", ".pdf": "CreationDate"}.get(out.suffix.lower())
        figure.savefig(out, dpi=120, metadata={dated: None} if dated else None)


def short(text: str, length: int = 24) -> str:
    """Return a name on one line, cut to a length."""
    text = plain(text)
    return text if len(text) <= length else text[: length - 1] + "…"
