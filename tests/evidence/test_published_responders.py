"""Responders of published trials beside what the papers print of them."""

from __future__ import annotations

import numpy as np
import pytest
from altered_tables import altered, first

from analysis.errors import ModelError
from analysis.evidence.published import read_published
from analysis.evidence.responders import RESPONDER_COLUMNS, responder_effects

# Percentages are printed with one decimal; their intervals may be of another kind than Wald's.
PRINTED_SHARE = 0.004


@pytest.fixture(scope="module")
def published():
    return read_published()


def test_gerac_differences_are_as_printed(published):
    rows = responder_effects(published, "RD").query("study == 'haake2007'").set_index("therapy")
    printed = published.responders.query("study == 'haake2007' and against == 'conventional'")
    for row in printed.itertuples():
        therapy = {"acupuncture": "acupuncture", "sham": "sham_acupuncture"}[row.arm]
        ours = rows.loc[therapy]
        reach = 1.96 * ours["std_error"]
        found = np.array([ours["effect"], ours["effect"] - reach, ours["effect"] + reach])
        np.testing.assert_allclose(
            found, np.array([row.risk_difference, row.conf_low, row.conf_high]) / 100, atol=PRINTED_SHARE
        )
    assert set(rows["comparator"]) == {"conventional_care"}


def test_counted_responders_give_the_ratio_of_their_shares(published):
    rows = responder_effects(published).query("study == 'ashar2022'").set_index("therapy")
    row = rows.loc["psychological_therapy"]
    assert row["effect"] == pytest.approx(np.log((33 / 50) / (5 / 50)))
    assert row["how"] == "counted"


def test_a_sham_arm_is_the_comparator_where_there_is_no_control(published):
    rows = responder_effects(published, "OR").query("study == 'carlsson2001' and week == 12")
    assert rows["comparator"].tolist() == ["placebo_electrotherapy"]
    assert rows["effect"].tolist() == pytest.approx([np.log((16 / 18) / (2 / 14))])


def test_printed_ratios_stand_where_no_arms_are_printed(published):
    rows = responder_effects(published).query("study == 'licciardone2013'")
    assert set(rows["how"]) == {"ratio as printed"}
    assert np.exp(rows["effect"]).tolist() == pytest.approx([1.38, 1.41])
    assert "licciardone2013" not in set(responder_effects(published, "RD")["study"])


def test_a_ratio_that_is_printed_beside_its_arms_does_not_count_twice(tmp_path):
    def print_ratio(rows):
        one = first(rows, study="ashar2022", arm="reprocessing")
        rows.append({**one, "against": "usual", "n": "", "events": "", "percent": "",
                     "risk_ratio": "6.6", "conf_low": "2.8", "conf_high": "15.6"})  # fmt: skip

    rows = responder_effects(read_published(altered(tmp_path, responders=print_ratio)))
    counted = rows.query("study == 'ashar2022' and therapy == 'psychological_therapy'")
    assert counted.groupby(["comparator", "definition", "week"]).size().max() == 1
    assert "ratio as printed" not in set(counted["how"])


def test_tables_without_responders_give_a_frame_without_rows(tmp_path):
    effects = responder_effects(read_published(altered(tmp_path, responders=lambda rows: rows.clear())))
    assert effects.empty
    assert tuple(effects.columns) == RESPONDER_COLUMNS


def test_arms_of_unknown_size_give_no_row(published):
    effects = responder_effects(published)
    assert "sherman2011" not in set(effects["study"])
    assert tuple(effects.columns) == RESPONDER_COLUMNS
    assert np.isfinite(effects["std_error"]).all()


def test_more_responders_than_patients_are_refused(tmp_path):
    folder = altered(
        tmp_path,
        responders=lambda rows: next(r for r in rows if r["study"] == "ashar2022").update(events="99"),
    )
    with pytest.raises(ModelError, match="99 events in 50 patients"):
        responder_effects(read_published(folder))


def test_a_measure_that_is_not_known_is_refused(published):
    with pytest.raises(ModelError, match="measure is 'HR'"):
        responder_effects(published, "HR")
