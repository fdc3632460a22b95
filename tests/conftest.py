"""Real data where they may be used, and a stricter look at notebooks than nbval alone gives."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from nbval.plugin import IPyNbCell

ROOT = Path(__file__).resolve().parent.parent
BESIDE = ROOT.parent / "shared"
# Notebooks on data that the project may not ship: case studies, and the engine beside SAS's listings.
ON_REAL_DATA = (ROOT / "notebooks" / "case_studies", ROOT / "notebooks" / "methods")
# Root mean square over all pixels (0-255) above which two pictures differ: one changed letter of an
# axis label gives 0.8; the same picture drawn twice gives 0.
PICTURE_RMS = 0.5
# Kernels here share two cores; nbval's own limit of 5 s for an output is too short for that.
OUTPUT_SECONDS = 60


def _real_data() -> Path | None:
    named = os.environ.get("PAIN_DATA")
    # Kernels run in other folders than this one.
    folder = Path(named).resolve() if named else BESIDE / "data"
    return folder if (folder / "trials").is_dir() else None


def _promised() -> bool:
    """Whether real data must be here, so that their absence is an error and no reason to skip."""
    named, ci = os.environ.get("PAIN_DATA"), os.environ.get("CI", "")
    return bool(named) or BESIDE.is_dir() or ci.lower() in {"1", "true"}


def _absent(what: str, hint: str) -> None:
    if _promised():
        pytest.fail(f"{what} should be here but is not: {hint}")
    pytest.skip(f"{what} is not here: {hint}")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the real trials (trials/, reference/), which the project may not ship."""
    folder = _real_data()
    if folder is None:
        _absent("real data", "set PAIN_DATA to the folder that holds trials/ and reference/")
    return folder


@pytest.fixture(scope="session")
def shared_reference() -> Path:
    """Folder with results of R packages and SAS on data the project may not ship."""
    folder = BESIDE / "reference"
    if not folder.is_dir():
        _absent("the folder of reference results", "it is kept beside the project, not in it")
    return folder


def pytest_configure(config: pytest.Config) -> None:
    folder = _real_data()
    if folder is not None:
        os.environ["PAIN_DATA"] = str(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    absent = _real_data() is None and not _promised()
    reason = "case studies and the comparison with SAS need real data: set PAIN_DATA"
    for item in items:
        if hasattr(item, "output_timeout"):
            item.output_timeout = OUTPUT_SECONDS
        if absent and not set(ON_REAL_DATA).isdisjoint(item.path.parents):
            item.add_marker(pytest.mark.skip(reason=reason))


def _pictures(outputs: list) -> list[bytes]:
    data = [output.get("data", {}) for output in outputs]
    return [base64.b64decode(part["image/png"]) for part in data if "image/png" in part]


def picture_rms(new: bytes, old: bytes) -> float:
    """Root mean square difference of two PNG pictures, infinite if their sizes differ."""
    pixels = [matplotlib.image.imread(io.BytesIO(png)) * 255 for png in (new, old)]
    if pixels[0].shape != pixels[1].shape:
        return float("inf")
    return float(np.sqrt(np.mean((pixels[0] - pixels[1]) ** 2)))


_compare_text = IPyNbCell.compare_outputs


def _compare_with_pictures(self, test, ref, skip_compare=None):
    """nbval compares text only; a figure drawn from other data would pass."""
    same = _compare_text(self, test, ref, skip_compare)
    new, old = _pictures(test), _pictures(ref)
    if len(new) != len(old):
        self.comparison_traceback.append(f"{len(new)} figures drawn, {len(old)} stored")
        return False
    for number, (one, other) in enumerate(zip(new, old, strict=True), start=1):
        if one != other and (rms := picture_rms(one, other)) > PICTURE_RMS:
            self.comparison_traceback.append(f"figure {number} changed: RMS {rms:.2f}")
            same = False
    return same


IPyNbCell.compare_outputs = _compare_with_pictures
