"""The tables of published evidence: sound as bundled, refused with place and value where not."""

from __future__ import annotations

import pytest
from altered_tables import altered, contrast, first, made_trial, outcome

from analysis.errors import DataError
from analysis.evidence.layouts import LAYOUTS
from analysis.evidence.published import FOLDER, read_published
from analysis.tables import claims_table

HOSTILE = "=cmd|' /C calc'!A0<script>alert(1)</script>\x1b[31m"


@pytest.fixture(scope="module")
def published():
    return read_published()


def problems(folder) -> list[dict]:
    with pytest.raises(DataError) as refused:
        read_published(folder)
    return refused.value.findings.to_dict("records")


def test_the_bundled_tables_are_sound(published):
    assert len(published.studies) > 60
    assert published.outcomes["mean"].notna().all()


def test_every_number_has_a_source_that_somebody_can_open(published):
    for name in ("outcomes", "contrasts", "responders", "pooled"):
        assert (getattr(published, name)["source"] != "").all()
    used = published.sources[published.sources["source"].isin(published.outcomes["source"])]
    assert used["url"].str.startswith("http").all()


def test_every_column_stands_in_the_dictionary():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name, layout in LAYOUTS.items():
        part = text.split(f"### {name}.csv")[1].split("###")[0]
        for column in layout.columns:
            assert f"| {column.name} |" in part, f"{name}.{column.name}"


def test_a_study_is_added_by_rows_alone(tmp_path):
    folder = altered(
        tmp_path,
        studies=lambda rows: rows.append(rows[0] | {"study": "new2026", "label": "New 2026",
                                                    "identifier": "", "note": ""}),
        arms=lambda rows: rows.extend(
            rows[0] | {"study": "new2026", "arm": arm, "therapy": therapy, "role": role}
            for arm, therapy, role in (("a", "massage", "active"), ("b", "usual_care", "control"))
        ),
        outcomes=lambda rows: rows.extend(
            outcome(arm, 4) | {"study": "new2026"} for arm in ("a", "b")
        ),
    )  # fmt: skip
    assert "New 2026" in read_published(folder).studies["label"].tolist()


@pytest.mark.parametrize(
    ("table", "column", "value", "rule", "words"),
    [
        ("outcomes", "study", "nobody1999", "unknown_key", "'nobody1999' is not in studies.csv"),
        ("outcomes", "arm", "nowhere", "unknown_key", "arms.csv, for this study"),
        ("outcomes", "scale", "VAS 0-1000", "unknown_key", "scales.csv"),
        ("outcomes", "source", "hearsay", "unknown_key", "add a row there"),
        ("outcomes", "mean", "about 5", "unreadable_number", "'about 5' is not a number"),
        ("outcomes", "mean", "4,5", "unreadable_number", "decimal point"),
        ("outcomes", "mean", "1e999", "unreadable_number", "is not a number"),
        ("outcomes", "mean", "", "empty_cell", "every row needs it"),
        ("outcomes", "n", "12.5", "impossible_value", "whole number of at least 1"),
        ("outcomes", "n", "0", "impossible_value", "whole number of at least 1"),
        ("outcomes", "sd", "-2", "impossible_value", "below 0"),
        ("outcomes", "week", "-1", "impossible_value", "below 0"),
        ("outcomes", "kind", "finale", "unknown_word", "baseline, final, change"),
        ("outcomes", "mean", HOSTILE, "unreadable_number", "<script>"),
        ("arms", "therapy", "telepathy", "unknown_key", "therapies.csv"),
        ("studies", "region", "knee", "unknown_word", "low_back, leg, neck"),
        ("contrasts", "level", "0.95", "impossible_value", "below 50"),
        ("contrasts", "against", "standardised", "impossible_value", "compared with itself"),
        ("studies", "label", "Nobody\x1b[31m 1999", "unprintable_text", "cannot be shown"),
        ("claims", "verdict", "proven", "unknown_word", "not testable"),
        ("claims", "source", "vickers2012;hearsay", "unknown_key", "sources.csv"),
    ],
)  # fmt: skip
def test_a_wrong_cell_is_named_with_file_row_column_and_next_step(
    tmp_path, table, column, value, rule, words
):
    folder = altered(tmp_path, **{table: lambda rows: rows[0].update({column: value})})
    found = [p for p in problems(folder) if p["rule"] == rule and p["column"] == column]
    assert len(found) == 1
    assert found[0]["file"] == f"{table}.csv"
    assert found[0]["row"] == 2
    assert found[0]["severity"] == "error"
    assert words in found[0]["message"]
    assert "\x1b" not in found[0]["message"]


def test_everything_wrong_is_said_at_once(tmp_path):
    folder = altered(
        tmp_path,
        outcomes=lambda rows: (rows[0].update(mean="x"), rows[5].update(sd="y"), rows[9].update(arm="z")),
        scales=lambda rows: rows[0].update(lowest="99"),
    )
    assert {p["rule"] for p in problems(folder)} == {
        "unreadable_number", "unknown_key", "impossible_value",
    }  # fmt: skip


def test_many_problems_are_counted_in_words(tmp_path):
    folder = altered(tmp_path, outcomes=lambda rows: [row.update(mean="x") for row in rows])
    with pytest.raises(DataError, match=r"outcomes.csv, row 2, column mean: .*\n(.*\n)+and \d+ more"):
        read_published(folder)


def test_a_row_given_twice_is_refused(tmp_path):
    folder = altered(tmp_path, outcomes=lambda rows: rows.append(dict(rows[3])))
    (found,) = problems(folder)
    assert found["rule"] == "duplicate_row"
    assert found["message"].startswith("Rows 5, ")


@pytest.mark.parametrize(("low", "high"), [("6", "7"), ("1", "3")])
def test_an_estimate_outside_its_interval_is_refused(tmp_path, low, high):
    folder = made_trial(tmp_path, [outcome("a0", 5, conf_low=low, conf_high=high), outcome("a1", 5)])
    (found,) = problems(folder)
    assert found["message"].startswith(f"mean 5 is outside its interval {low} to {high}")


def test_a_missing_column_is_named(tmp_path):
    folder = altered(tmp_path)
    path = folder / "therapies.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rsplit(",", 2)[0] for line in lines), encoding="utf-8")
    found = [p for p in problems(folder) if p["rule"] == "missing_column"]
    assert [(p["file"], p["row"], p["column"]) for p in found] == [
        ("therapies.csv", 1, "node"), ("therapies.csv", 1, "also_called"),
    ]  # fmt: skip


def test_a_missing_file_is_named(tmp_path):
    folder = altered(tmp_path)
    (folder / "arms.csv").unlink()
    (found,) = problems(folder)
    assert (found["rule"], found["file"]) == ("unreadable_file", "arms.csv")


def test_hostile_text_is_shown_and_never_run(tmp_path):
    folder = altered(
        tmp_path, claims=lambda rows: rows[0].update(claim=HOSTILE.replace("\x1b[31m", ""))
    )
    html = claims_table(read_published(folder))._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_tables_from_a_european_spreadsheet_are_read(tmp_path):
    folder = altered(tmp_path)
    path = folder / "therapies.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8-sig")
    assert len(read_published(folder).therapies) == len(read_published().therapies)


def test_contrasts_of_one_visit_may_be_of_changes_and_of_final_scores(tmp_path):
    rows = [
        contrast("a0", "a1", -1, se=0.3, kind="change"), contrast("a0", "a1", -1.2, se=0.3, kind="final"),
    ]  # fmt: skip
    assert len(read_published(made_trial(tmp_path, [], rows)).contrasts) == 2


def test_vickers_2012_is_among_the_pooled_results(published):
    row = published.pooled[published.pooled["comparison"].str.contains("sham acupuncture, back")]
    assert row["estimate"].tolist() == [0.23]


def test_first_finds_the_row_that_a_test_means():
    assert first([{"a": "1"}, {"a": "2"}], a="2") == {"a": "2"}
