"""The front door: its picture, its paths and its study file are true."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from analysis.display import figure_of
from analysis.figures import labels_of, plot_forest, save
from analysis.intake import read_trial
from analysis.relief import estimate_relief
from analysis.studies.load import read_study

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _picture_rms():
    spec = importlib.util.spec_from_file_location("house_conftest", ROOT / "tests" / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.picture_rms, module.PICTURE_RMS


def test_the_picture_is_drawn_from_the_simulated_trial(tmp_path):
    trial = read_trial(ROOT / "data" / "simulated" / "study.yml")
    axes = plot_forest(estimate_relief(trial).frame, labels_of(trial.study))
    _, png = save(figure_of(axes), tmp_path / "forest")
    rms, limit = _picture_rms()
    assert rms(png.read_bytes(), (ROOT / "docs" / "forest.png").read_bytes()) <= limit


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_path_in_the_readme_exists(path):
    assert (ROOT / path).exists()


def test_the_study_file_in_the_readme_is_one(tmp_path):
    block = re.search(r"```yaml\n(.*?)```", README, re.DOTALL).group(1)
    path = tmp_path / "study.yml"
    path.write_text("\n".join(line.removeprefix("   ") for line in block.splitlines()), encoding="utf-8")
    assert read_study(path).therapies == ("Usual care", "Massage")
