"""Figures and sentences reach a notebook complete, safe, and the same every time."""

from __future__ import annotations

import base64
import io

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.display import digest, figure_of, say, show

PNG_MARK = b"\x89PNG\r\n"
NASTY = "<script>alert(1)</script> & **bold** [a](javascript:b) $x$"


@pytest.fixture
def shown(monkeypatch):
    """What was displayed: one (bundle, settings) each."""
    kept: list[tuple[dict, dict]] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, **rest: kept.append((bundle, rest)))
    return kept


def _figure(values=(1.0, 3.0, 2.0), label: str = "Pain") -> Figure:
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.plot(values)
    axes.set_ylabel(label)
    return figure


def test_a_figure_is_shown_with_its_words(shown):
    assert show(_figure(), "A line that rises and falls") is None
    [(bundle, settings)] = shown
    assert settings["raw"] is True
    assert settings["metadata"] == {"image/png": {"alt": "A line that rises and falls"}}
    assert bundle["text/plain"].startswith("A line that rises and falls [data ")
    picture = base64.b64decode(bundle["image/png"])
    assert picture.startswith(PNG_MARK)
    assert np.ptp(matplotlib.image.imread(io.BytesIO(picture))) > 0


def test_a_picture_names_no_program_and_is_the_same_every_time(shown):
    show(_figure(), "Twice the same")
    show(_figure(), "Twice the same")
    assert shown[0] == shown[1]
    picture = base64.b64decode(shown[0][0]["image/png"])
    assert b"Software" not in picture and b"matplotlib" not in picture.lower()


def test_axes_stand_for_their_figure():
    figure = _figure()
    assert figure_of(figure) is figure_of(figure.axes[0]) is figure_of(figure.axes) is figure


@pytest.mark.parametrize(
    "other",
    [_figure(values=(1.0, 3.0, 2.001)), _figure(label="Pains")],
    ids=["one value", "one letter"],
)
def test_the_digest_tells_what_the_eye_would_not(other):
    assert digest(other) != digest(_figure())


def test_the_digest_forgives_the_last_bit():
    nudged = tuple(np.nextafter(value, 9) for value in (1.0, 3.0, 2.0))
    assert digest(_figure(nudged)) == digest(_figure())


def test_the_digest_sees_bars_points_and_words_in_the_picture():
    digests = set()
    for change in range(4):
        figure = Figure()
        axes = figure.subplots()
        axes.bar([1], [2 + (change == 1)])
        axes.text(0, 0, "n = 91" if change == 2 else "n = 90")
        axes.imshow(np.array([[0.0, 1.0 + (change == 3)]]))
        digests.add(digest(figure))
    assert len(digests) == 4


@pytest.mark.parametrize("text", [NASTY, [NASTY, "Second."]], ids=["one", "several"])
def test_text_of_users_is_shown_literally(shown, text):
    assert say(text) is None
    [(bundle, settings)] = shown
    assert settings == {"raw": True}
    assert "<script>" not in bundle["text/html"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; **bold**" in bundle["text/html"]
    assert bundle["text/plain"].splitlines()[0] == NASTY
    assert bundle["text/html"].count("<p>") == bundle["text/html"].count("</p>") == (
        1 if isinstance(text, str) else 2
    )


def test_a_dollar_in_a_label_is_a_dollar(shown):
    show(_figure(label="Cost in $ or $x_"), "A label with dollars")
    assert len(shown) == 1
