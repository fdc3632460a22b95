"""What is wrong with a study file is said in words of the file, not of the program."""

from __future__ import annotations

import pytest
import yaml
from small_study import content

from analysis.errors import StudyError
from analysis.studies.load import WORDS, read_study


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("measures", "pain", "measures is 'pain'; this must be a list"),
        ("visits", "week 4", "visits is 'week 4'; this must hold keys"),
        ("measures", [], "measures is []; this must hold at least 1 item"),
        ("minimum_count", "few", "minimum_count is 'few'; this must be a whole number"),
        ("simulated", "perhaps", "simulated is 'perhaps'; this must be true or false"),
    ],
)
def test_a_part_of_the_wrong_kind_is_refused_in_words(tmp_path, key, value, words):
    path = tmp_path / "study.yml"
    path.write_text(yaml.safe_dump(content() | {key: value}))
    with pytest.raises(StudyError) as caught:
        read_study(path)
    told = str(caught.value)
    assert words in told
    assert not any(word in told for word in ("tuple", "dictionary", "instance of", "validation"))


def test_every_word_says_what_must_be():
    assert all(words.startswith("this ") for words in WORDS.values())


@pytest.mark.parametrize("title", [r'"a\e[31m"', r'"a\0b"', r'"a\ud800"', '"a\u202eb"'])
def test_a_character_that_cannot_be_seen_is_refused_with_its_line(tmp_path, title):
    path = tmp_path / "study.yml"
    path.write_text(f"design: randomised\ntitle: {title}\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"study\.yml, line 2: a text holds a character .* \(U\+"):
        read_study(path)
