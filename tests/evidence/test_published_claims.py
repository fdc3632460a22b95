"""Claims: complete, honest about what nobody tested, and in agreement with the rows."""

from __future__ import annotations

import pytest
from altered_tables import altered

from analysis.evidence.claims import sources_of, verdict_counts
from analysis.evidence.effects import published_effects
from analysis.evidence.layouts import VERDICTS
from analysis.evidence.published import read_published
from analysis.evidence.windows import coverage
from analysis.tables import (
    claim_sources_table,
    claims_table,
    coverage_table,
    effects_table,
    left_out_trials_table,
    tests_of_claims_table,
    verdicts_table,
)

# Not collected as a test by its name.
tests_of_claims_table.__test__ = False


@pytest.fixture(scope="module")
def published():
    return read_published()


def found(published, words: str) -> str:
    claims = published.claims
    (text,) = claims.loc[claims["claim"].str.contains(words, regex=False), "found"]
    return text


@pytest.mark.parametrize(
    "word",
    ["soon", "for long", "simulated", "inflammation", "circulation", "relaxes muscles", "stress",
     "Function and mobility", "Safe", "adds to physiotherapy", "acute and chronic", "hijama", "toxins", "qi"],
)  # fmt: skip
def test_every_claim_of_the_documents_is_there(published, word):
    assert published.claims["claim"].str.contains(word, regex=False).any()


def test_every_verdict_is_counted_also_where_no_claim_has_it(published):
    counts = verdict_counts(published)
    assert tuple(counts["verdict"]) == VERDICTS
    assert counts["claims"].sum() == len(published.claims)


def test_what_nobody_tested_is_said_plainly(published):
    shown = repr(claims_table(published))
    assert shown.count("not tested") >= 4
    assert "not testable" in shown
    assert "nothing to be certain of" in shown


def test_the_table_of_claims_has_them_all_in_the_order_of_verdicts(published):
    rows = claims_table(published).rows
    assert len(rows) == len(published.claims)
    order = [VERDICTS.index(row[1]) for row in rows]
    assert order == sorted(order)
    assert len(tests_of_claims_table(published).rows) == len(rows)
    assert len(verdicts_table(published).rows) == len(VERDICTS)


def test_every_claim_has_sources_with_an_address(published):
    for cell in published.claims["source"]:
        assert (sources_of(published, cell)["url"] != "").all()
    assert len(claim_sources_table(published).rows) > 20


def test_a_verdict_that_no_claim_has_is_an_empty_table(tmp_path):
    folder = altered(
        tmp_path, claims=lambda rows: [row.update(verdict="mixed", certainty="low") for row in rows]
    )
    table = claims_table(read_published(folder), ("not supported",))
    assert table.rows == ()
    assert table.note == "No claim has such a verdict."


def test_numbers_in_claims_are_those_of_the_rows(published):
    rows = published.contrasts.set_index(["study", "week", "scale"]).sort_index()
    late = rows.loc[("brinkhaus2006", 52, "VAS 0-100")]
    text = found(published, "for long")
    assert f"{-late['difference']:g} of 100" in text
    assert f"{late['conf_high']:g} worse to {-late['conf_low']:g} better" in text
    beam = published.contrasts.query("study == 'ukbeam2004' and scale == 'Von Korff pain 0-100'")
    for value in beam["difference"]:
        assert f"{-value:.1f}" in found(published, "adds to physiotherapy")
    sciatica = rows.loc[("tu2024", 4, "VAS 0-100 (leg)")]
    assert f"{-sciatica['difference']:g} of 100" in found(published, "nerves")
    vickers = published.pooled.query("review == 'Vickers 2012'")["estimate"]
    assert all(f"{value:g}" in found(published, "back pain soon") for value in vickers)


def test_an_empty_cell_of_the_coverage_is_shown(published):
    table = coverage_table(published, coverage(published), ["dry_cupping", "acupuncture", "hypnosis"])
    assert [row[0] for row in table.rows] == ["dry cupping", "acupuncture", "hypnosis"]
    assert table.rows[0][3] == "0"
    assert set(table.rows[2][1:]) == {"0"}


def test_single_trials_are_shown_with_what_was_worked_out(published):
    effects = published_effects(published, "pain", "short")
    table = effects_table(effects.detail, effects.contrasts.unit, published)
    assert len(table.rows) == len(effects.contrasts)
    assert any("arms put together" in row[-1] for row in table.rows)
    assert "not known" in {row[-2] for row in table.rows}
    assert len(left_out_trials_table(effects.left_out).rows) == len(effects.left_out)
    empty = effects_table(effects.detail.iloc[:0], "points of 100", published)
    assert empty.note == "No trial: an empty cell."
