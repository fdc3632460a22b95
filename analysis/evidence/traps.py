"""Traps in rows of published trials: what would be pooled wrongly if nobody looked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.evidence.published import Published
from analysis.evidence.spread import scale_sds, with_spread
from analysis.evidence.windows import CLOCK_COLUMNS, DEFINITIONS, NEAR_EDGE
from analysis.readers.finding import Finding, finding

# A standard deviation below this share of the median on its scale may be a standard error, where
# times the root of n it comes to between these shares of the median.
SMALL_SHARE = 0.4
PLAUSIBLE_SHARES = (0.5, 3.0)
# A mean this near to the bad end of its scale is hard to believe.
NEAR_END = 0.05


def missing_spread(published: Published) -> Iterator[Finding]:
    """Results after baseline without anything that a standard error could be made of."""
    spread = with_spread(published, borrow="none")
    outcomes = spread.outcomes[spread.outcomes["kind"] != "baseline"]
    for file, rows in (("outcomes.csv", outcomes), ("contrasts.csv", spread.contrasts)):
        for (study, scale), part in rows[rows["se_used"].isna()].groupby(["study", "scale"]):
            message = (
                f"{published.label(study)} gives no standard deviation, error, usable interval or "
                f"p-value for {scale} in {_rows(part)}. Look it up, or borrow one and show what "
                "that changes."
            )
            yield finding("missing_sd", "warning", message, file=file,
                          row=int(part["row"].iloc[0]), column="sd" if "sd" in part else "se",
                          value=study)  # fmt: skip


def zero_spread(published: Published) -> Iterator[Finding]:
    """Standard deviations and errors of 0, and intervals without width."""
    for file, rows in _both(published):
        for column in ("sd", "se"):
            if column not in rows:
                continue
            for _, row in rows[rows[column] == 0].iterrows():
                yield _zero(published, file, row, column)
        flat = rows["conf_low"].notna() & (rows["conf_low"] == rows["conf_high"])
        for _, row in rows[flat].iterrows():
            yield _zero(published, file, row, "conf_low")


def errors_as_deviations(published: Published) -> Iterator[Finding]:
    """Standard deviations so small that they are likely standard errors."""
    outcomes = published.outcomes
    scores = outcomes[(outcomes["kind"] != "change") & (outcomes["sd"] > 0) & (outcomes["n"] > 1)]
    if scores.empty:
        return
    usual = _usual_sd(published, scores)
    share = scores["sd"].to_numpy() / usual
    blown = share * np.sqrt(scores["n"].to_numpy())
    low, high = PLAUSIBLE_SHARES
    odd = (share < SMALL_SHARE) & (blown > low) & (blown < high)
    for position in np.flatnonzero(odd):
        row = scores.iloc[position]
        message = (
            f"{published.label(row['study'])} has a standard deviation of {row['sd']:g} on "
            f"{row['scale']}, where others have {usual[position]:.3g}; times the root of "
            f"{row['n']:g} it would be usual, so it may be a standard error. Check the table, and "
            "move it to the column se if it is one."
        )
        yield finding("sd_is_se", "warning", message, file="outcomes.csv", row=int(row["row"]),
                      column="sd", value=f"{row['sd']:g}")  # fmt: skip


def unclear_directions(published: Published) -> Iterator[Finding]:
    """Scales of which nobody can say which end is better, and scales without a range."""
    used = published.scales.merge(
        pd.concat([published.outcomes[["scale", "study"]], published.contrasts[["scale", "study"]]])
        .drop_duplicates(), on="scale",
    )  # fmt: skip
    for _, row in used[used["better"] == "unclear"].iterrows():
        message = (
            f"Which end of {row['scale']} is better is unclear in {published.label(row['study'])}; "
            "its rows are not used. Find the direction and correct scales.csv."
        )
        yield finding("direction_unclear", "warning", message, file="scales.csv",
                      row=int(row["row"]), column="better", value=row["study"])  # fmt: skip
    for _, row in used[used["lowest"].isna() | used["highest"].isna()].iterrows():
        message = (
            f"The range of {row['scale']} ({published.label(row['study'])}) is not known; it enters "
            "standardised differences only. Add lowest and highest."
        )
        yield finding("scale_without_range", "note", message, file="scales.csv",
                      row=int(row["row"]), column="lowest", value=row["study"])  # fmt: skip


def change_beside_final(published: Published) -> Iterator[Finding]:
    """Changes and final scores of the same patients."""
    later = published.outcomes[published.outcomes["kind"] != "baseline"]
    for (study, scale, week), part in later.groupby(["study", "scale", "week"], sort=False):
        both = part.groupby("arm")["kind"].nunique()
        if (both > 1).any():
            message = (
                f"{published.label(study)} has change scores beside final scores of the same "
                f"patients on {scale} at week {week:g} ({_rows(part)}). Only one of them is used; "
                "never pool both."
            )
            yield finding("change_beside_final", "note", message, file="outcomes.csv",
                          row=int(part["row"].iloc[0]), column="kind", value=study)  # fmt: skip


def contrast_beside_arms(published: Published) -> Iterator[Finding]:
    """Differences printed beside the arms that they are differences of."""
    later = published.outcomes[published.outcomes["kind"] != "baseline"]
    keys = ["study", "scale", "week"]
    there = pd.MultiIndex.from_frame(later[keys])
    rows = published.contrasts
    again = pd.MultiIndex.from_frame(rows[keys]).isin(there)
    for study, part in rows[again].groupby("study", sort=False):
        message = (
            f"{published.label(study)} gives differences ({_rows(part)}) beside means of the same "
            "arms. Only one of them is used; never pool both."
        )
        yield finding("contrast_beside_arms", "note", message, file="contrasts.csv",
                      row=int(part["row"].iloc[0]), column="difference", value=study)  # fmt: skip


def unbelievable_means(published: Published) -> Iterator[Finding]:
    """Means at the worst end of a scale, and means outside it."""
    rows = published.outcomes.merge(published.scales.drop(columns="row"), on="scale")
    rows = rows[rows["kind"] != "change"]
    width = rows["highest"] - rows["lowest"]
    worst = np.where(rows["better"] == "lower", rows["highest"], rows["lowest"])
    near = (rows["mean"] - worst).abs() <= NEAR_END * width
    outside = (rows["mean"] < rows["lowest"]) | (rows["mean"] > rows["highest"])
    for _, row in rows[near & ~outside & (rows["better"] != "unclear")].iterrows():
        message = (
            f"{published.label(row['study'])} has a mean of {row['mean']:g} at the worst end of "
            f"{row['scale']}, which is hard to believe. Check the scale."
        )
        yield finding("mean_at_end", "note", message, file="outcomes.csv", row=int(row["row"]),
                      column="mean", value=f"{row['mean']:g}")  # fmt: skip
    for _, row in rows[outside].iterrows():
        message = (
            f"{published.label(row['study'])} has a mean of {row['mean']:g} outside {row['scale']}. "
            "Correct the mean or name the right scale."
        )
        yield finding("mean_outside_scale", "error", message, file="outcomes.csv",
                      row=int(row["row"]), column="mean", value=f"{row['mean']:g}")  # fmt: skip


def intervals_of_unknown_level(published: Published) -> Iterator[Finding]:
    """Intervals of differences that are not said to be at a level."""
    rows = published.contrasts
    odd = rows["level"].isna() & (rows["conf_low"].notna() | rows["conf_high"].notna())
    for _, row in rows[odd].iterrows():
        message = (
            f"The interval that {published.label(row['study'])} prints has no known level; no "
            "standard error is made of it. Fill in level where the paper says it."
        )
        yield finding("level_unknown", "note", message, file="contrasts.csv", row=int(row["row"]),
                      column="level", value=row["study"])  # fmt: skip


def window_doubts(published: Published) -> Iterator[Finding]:
    """Visits without a second clock, and visits near the edge of a window."""
    for file, rows in _both(published):
        rows = rows[rows["week"] > 0]
        for study, part in rows[rows["weeks_after"].isna()].groupby("study", sort=False):
            message = (
                f"For {published.label(study)} weeks since the end of treatment are not known "
                f"({_rows(part)}); it has no place in windows that count from there."
            )
            yield finding("clock_unknown", "note", message, file=file,
                          row=int(part["row"].iloc[0]), column="weeks_after",
                          value=study)  # fmt: skip
        for windows in DEFINITIONS:
            column = CLOCK_COLUMNS[windows.clock]
            edges = [w.low for w in windows.windows if w.low > NEAR_EDGE]
            near = np.min([(rows[column] - edge).abs() for edge in edges], axis=0) <= NEAR_EDGE
            meant = rows[column].isin([w.target for w in windows.windows])
            for study, part in rows[near & ~meant].groupby("study", sort=False):
                weeks = ", ".join(f"{week:g}" for week in sorted(part[column].unique()))
                message = (
                    f"{published.label(study)} was seen at week {weeks} {windows.name}, near the "
                    "edge of a window; a week of rounding would move it."
                )
                yield finding("window_edge", "note", message, file=file,
                              row=int(part["row"].iloc[0]), column=column,
                              value=study)  # fmt: skip


def _both(published: Published) -> tuple[tuple[str, pd.DataFrame], tuple[str, pd.DataFrame]]:
    return ("outcomes.csv", published.outcomes), ("contrasts.csv", published.contrasts)


def _usual_sd(published: Published, scores: pd.DataFrame) -> np.ndarray:
    """Median standard deviation of other trials on the scale, or on all scales as rescaled."""
    scales = published.scales.set_index("scale")
    width = (scales["highest"] - scales["lowest"]).reindex(scores["scale"]).to_numpy()
    everywhere = float(np.nanmedian(scores["sd"].to_numpy() / width))
    usual = np.empty(len(scores))
    for position, (study, scale) in enumerate(zip(scores["study"], scores["scale"], strict=True)):
        others = scale_sds(scores[(scores["study"] != study) & (scores["scale"] == scale)])
        usual[position] = others.iloc[0] if len(others) else everywhere * width[position]
    return usual


def _zero(published: Published, file: str, row: pd.Series, column: str) -> Finding:
    message = (
        f"{published.label(row['study'])} has a spread of 0 on {row['scale']} at week "
        f"{row['week']:g}: it would outweigh every other trial, so the row is not used. Look it up."
    )
    return finding("zero_sd", "error", message, file=file, row=int(row["row"]), column=column,
                   value=row["study"])  # fmt: skip


def _rows(part: pd.DataFrame) -> str:
    numbers = sorted(part["row"].astype(int))
    return f"row{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
