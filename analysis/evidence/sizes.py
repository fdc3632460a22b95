"""How many patients an arm had at entry, where a result does not say how many were seen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.evidence.published import Published

ASSIGNED = "n is the number assigned"
EQUAL_SHARE = "n is an equal share of those assigned"


def arm_sizes(published: Published) -> pd.DataFrame:
    """Patients of every arm at entry.

    Where no arm of a trial has a size but the trial as a whole has one, its arms are taken to be
    equal.

    Returns
    -------
    pandas.DataFrame
        Columns `study`, `arm`, `entry` (NaN where nobody says) and `entry_how`.
    """
    arms = published.arms
    whole = published.studies.set_index("study")["assigned"].reindex(arms["study"]).to_numpy()
    groups = arms.groupby("study")["assigned"]
    share = (whole / groups.transform("size")).where(groups.transform("count") == 0)
    how = np.select([arms["assigned"].notna(), share.notna()], [ASSIGNED, EQUAL_SHARE], "")
    return arms[["study", "arm"]].assign(entry=arms["assigned"].fillna(share), entry_how=how)
