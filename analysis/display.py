"""Show figures and sentences in a notebook so that stored outputs are complete, safe and repeatable."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.column import whole_figure
from analysis.figures.style import rendered, styled

# Dots per inch: eight therapies in small panels stay readable.
RESOLUTION = 110
# Enough that edges stay smooth; a stored notebook then needs a third of the room.
COLOURS = 256
# For large figures of lines and words, and for those of a few pale areas.
FEW, SOME = 6, 64
# A report sets this variable to PRINT for its kernels: each figure is then drawn once, for all uses.
FIGURES_VARIABLE, PRINT = "LASTING_RELIEF_FIGURES", "print"


def show(
    picture: Figure | Axes | Sequence[Axes], alt: str, colours: int = COLOURS
) -> None:
    """Display a figure as PNG with its alternative text and a digest of what it draws.

    Where a report asks for it, the PNG is one for print and an SVG stands beside it.

    Parameters
    ----------
    picture : Figure, Axes or sequence of Axes
    alt : str
        What the figure shows, for those who cannot see it.
    colours : int
        At most so many, shades of edges included; few do for a large figure of lines and words.
    """
    from IPython.display import display

    figure = figure_of(picture)
    bundle = {"text/plain": f"{alt} [data {digest(figure)}]"}
    if os.environ.get(FIGURES_VARIABLE) == PRINT:
        svg, png = rendered(figure)
        bundle["image/svg+xml"] = svg.decode("utf-8")
    else:
        png = _png(figure, colours)
    bundle["image/png"] = base64.b64encode(png).decode()
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})


def _png(figure: Figure, colours: int) -> bytes:
    """The figure as a small PNG without dates or names of programs."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    with styled():
        figure.savefig(drawn, format="png", dpi=RESOLUTION, pil_kwargs={"compress_level": 0})
    picture = Image.open(drawn).convert("RGB")
    dots = (RESOLUTION, RESOLUTION)
    picture.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        small, format="png", optimize=True, dpi=dots
    )
    return small.getvalue()


def say(text: str | Iterable[str]) -> None:
    """Display generated sentences, one a line, with text of users shown literally."""
    from IPython.display import display

    lines = [text] if isinstance(text, str) else list(text)
    html = "".join(f"<p>{escape(line)}</p>" for line in lines)
    display({"text/html": html, "text/plain": "\n".join(lines)}, raw=True)


def figure_of(picture: Figure | Axes | Sequence[Axes]) -> Figure:
    """The figure that some axes belong to."""
    if isinstance(picture, Figure):
        return picture
    first = picture if isinstance(picture, Axes) else picture[0]
    return whole_figure(first)


def digest(figure: Figure) -> str:
    """Short fingerprint of the numbers and words in a figure; it changes when its data do."""
    parts: list[str] = []
    for ax in figure.axes:
        for line in ax.lines:
            parts.append(_rounded(np.asarray(line.get_xydata(), dtype=float)))
        for collection in ax.collections:
            for path in collection.get_paths():
                parts.append(_rounded(np.asarray(path.vertices, dtype=float)))
        for image in ax.images:
            parts.append(_rounded(np.asarray(image.get_array(), dtype=float)))
        for patch in ax.patches:
            parts.append(_rounded(np.asarray(patch.get_extents().bounds, dtype=float) / 10))
        parts += [text.get_text() for text in ax.texts]
        parts += [ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def _rounded(values: np.ndarray) -> str:
    """Numbers to four decimals: further ones differ between machines."""
    return np.array2string(np.round(values, 4) + 0.0, threshold=100_000, precision=4, floatmode="fixed")
