"""The durability plane: short-term relief across, long-term relief up."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from analysis.distributions import chi2_quantile, f_quantile
from analysis.figures.column import fit_column, is_narrow, width_mm
from analysis.figures.limits import axis_limits
from analysis.figures.placing import place_names
from analysis.figures.style import Labels, look_of, new_figure, say_simulated, styled, wrapped

# Side of the plane, and what stands beside it.
SIDE_MM, MARGIN_MM = 115.0, 20.0
SOFT = "#555555"
# Ellipses of more therapies than this are drawn as lines only, and names smaller.
FILLED = 10


def plot_durability(
    frame: pd.DataFrame, labels: Labels, comparator: str | None = None, ax: Axes | None = None
) -> Axes:
    """Relief at both horizons with their joint uncertainty; on the diagonal nothing is lost.

    Parameters
    ----------
    frame : pandas.DataFrame
        Result frame. The covariance of short and long comes from the standard errors of both and of the
        loss: cov = (v_short + v_long − v_loss) / 2.
    labels : Labels
    comparator : str, optional
        Empty text for relief alone; the study's comparator when left out.
    ax : matplotlib Axes, optional
    """
    comparator = labels.comparator if comparator is None else comparator
    points = joint_relief(frame, comparator)
    important = None if comparator else labels.important
    if ax is None:
        ax = new_figure(width_mm=SIDE_MM + 30, height_mm=SIDE_MM + 26)[1][0]
    with styled():
        low, high = _square(points, labels.level, important)
        ax.set_xlim(low, high)
        ax.set_ylim(low, high)
        ax.set_aspect("equal")
        _ground(ax, low, high, important)
        for _, row in points.iterrows():
            _ellipse(ax, row, labels, filled=len(points) <= FILLED)
        _names(ax, points, labels, low, high)
        against = f"against {wrapped(comparator, 40)}" if comparator else "since baseline"
        ax.set_xlabel(f"Short-term relief {against} ({labels.unit}; → better)")
        ax.set_ylabel(f"Long-term relief {against} ({labels.unit}; → better)")
        ax.set_title(f"Ellipses: joint {100 * labels.level:g} % confidence regions", loc="left",
                     fontsize=7.5, color=SOFT)  # fmt: skip
        if points.empty:
            ax.annotate("No therapy has relief at both horizons", (0.5, 0.6), ha="center",
                        xycoords="axes fraction", color=SOFT)  # fmt: skip
        say_simulated(ax, labels)
        fit_column(ax)
    return ax


def _ground(ax: Axes, low: float, high: float, important: float | None) -> None:
    """No relief, nothing lost, and the change that matters to a person."""
    ax.axhline(0, color="#BBBBBB", linewidth=0.7, zorder=0)
    ax.axvline(0, color="#BBBBBB", linewidth=0.7, zorder=0)
    ax.plot([low, high], [low, high], color=SOFT, linewidth=0.9, linestyle="--", zorder=0)
    edge = high - 0.02 * (high - low)
    ax.annotate("nothing lost", (edge, edge), xytext=(-3, 3), textcoords="offset points", ha="right",
                va="bottom", fontsize=7.5, color=SOFT, rotation=45, rotation_mode="anchor")  # fmt: skip
    if important is not None:
        ax.axhline(important, color="#999999", linewidth=0.8, linestyle=":", zorder=0)
        ax.axvline(important, color="#999999", linewidth=0.8, linestyle=":", zorder=0)
        ax.annotate("important change", (important, low), xytext=(3, 3), textcoords="offset points",
                    fontsize=7, color=SOFT, rotation=90, va="bottom")  # fmt: skip


def _names(ax: Axes, points: pd.DataFrame, labels: Labels, low: float, high: float) -> None:
    """Each therapy named beside its point, with a thin line to it."""
    if points.empty:
        return
    side = min(SIDE_MM, width_mm(ax) - MARGIN_MM) / 25.4 * 72
    scale = side / (high - low)
    texts = [wrapped(name, *((18, 3) if len(points) <= FILLED else (22, 1))) for name in points["therapy"]]
    size = 8.0 if len(points) <= FILLED and not is_narrow(ax) else 6.5
    sizes = np.array([
        [0.60 * size * max(map(len, text.split("\n"))), 1.3 * size * (text.count("\n") + 1)]
        for text in texts
    ])  # fmt: skip
    centres = points[["short", "long"]].to_numpy(dtype=float)
    placed = place_names((centres - low) * scale, sizes, (side, side)) / scale + low
    for text, name, centre, middle in zip(texts, points["therapy"], centres, placed, strict=True):
        colour = str(look_of(name, labels)["color"])
        ax.plot(*zip(centre, middle, strict=True), color=colour, linewidth=0.6, zorder=1.5)
        ax.text(middle[0], middle[1], text, ha="center", va="center", fontsize=size, color=colour,
                linespacing=1.0, zorder=2.5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85})  # fmt: skip


def joint_relief(frame: pd.DataFrame, comparator: str) -> pd.DataFrame:
    """Short and long relief with variances and covariance, one row a therapy.

    Returns
    -------
    pandas.DataFrame
        `therapy`, `short`, `long`, `var_short`, `var_long`, `cov`, `df`, `n`.
    """
    rows = frame[(frame["analysis"] == "main") & (frame["comparator"] == comparator)]
    rows = rows[rows["estimate"].notna() & (rows["std_error"] > 0)]
    short = rows[(rows["quantity"] == "relief") & (rows["horizon"] == "short")].set_index("therapy")
    long = rows[(rows["quantity"] == "relief") & (rows["horizon"] == "long")].set_index("therapy")
    loss = rows[rows["quantity"] == "loss"].set_index("therapy")
    records = []
    for therapy in [name for name in short.index if name in long.index and name in loss.index]:
        variances = [float(part.loc[therapy, "std_error"]) ** 2 for part in (short, long, loss)]
        records.append({
            "therapy": therapy,
            "short": short.loc[therapy, "estimate"], "long": long.loc[therapy, "estimate"],
            "var_short": variances[0], "var_long": variances[1],
            "cov": (variances[0] + variances[1] - variances[2]) / 2,
            "df": float(min(short.loc[therapy, "df"], long.loc[therapy, "df"])),
            "n": long.loc[therapy, "n_therapy"],
        })  # fmt: skip
    columns = ["therapy", "short", "long", "var_short", "var_long", "cov", "df", "n"]
    return pd.DataFrame(records, columns=columns)


def _radius(df: float, level: float) -> float:
    """Half-axis of a joint region of two estimates in standard errors: root of 2 F(2, df)."""
    if np.isinf(df):
        return float(np.sqrt(chi2_quantile(level, 2)))
    return float(np.sqrt(2 * f_quantile(level, 2, df)))


def _ellipse(ax: Axes, row: pd.Series, labels: Labels, filled: bool) -> None:
    matrix = np.array([[row["var_short"], row["cov"]], [row["cov"], row["var_long"]]])
    values, vectors = np.linalg.eigh(matrix)
    width, height = 2 * _radius(row["df"], labels.level) * np.sqrt(np.maximum(values, 0))
    angle = float(np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0])))
    look = look_of(row["therapy"], labels)
    centre = (row["short"], row["long"])
    faces = (("none", 0.8), (look["color"], 0.07)) if filled else (("none", 0.5),)
    for face, alpha in faces:
        edge = look["color"] if face == "none" else "none"
        ax.add_patch(Ellipse(centre, width, height, angle=angle, facecolor=face, alpha=alpha,
                             edgecolor=edge, linestyle=look["linestyle"], linewidth=1.0))  # fmt: skip
    ax.plot(*centre, marker=look["marker"], color=look["color"], linestyle="none", markersize=5.5,
            markerfacecolor=look.get("markerfacecolor", look["color"]), zorder=3)  # fmt: skip


def _square(points: pd.DataFrame, level: float, important: float | None) -> tuple[float, float]:
    """Both axes have the same ends, so that the diagonal means the same everywhere."""
    marks = (0.0,) if important is None else (0.0, important)
    centres, reaches = [], []
    for one, variance in (("short", "var_short"), ("long", "var_long")):
        centres += points[one].to_list()
        pairs = zip(points["df"], points[variance], strict=True)
        reaches += [_radius(df, level) * np.sqrt(size) for df, size in pairs]
    middle, reach = np.array(centres, dtype=float), np.array(reaches, dtype=float)
    return axis_limits(middle, middle - reach, middle + reach, marks)
