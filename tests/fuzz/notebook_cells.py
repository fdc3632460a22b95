"""Every notebook's cells run on a study in this process, one after the other, without kernels."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import matplotlib.pyplot as plt

from analysis.report.build import NOTEBOOKS, OF_NO_STUDY, ROOT
from analysis.report.execute import read_notebook, with_study


def run_cells(study_file: Path) -> int:
    """Run all code cells of the notebooks that take a study; how many there were."""
    ran = 0
    with patch("IPython.display.display", lambda *_, **__: None):
        for name in (one for one in NOTEBOOKS if one not in OF_NO_STUDY):
            notebook = with_study(read_notebook(ROOT / "notebooks" / f"{name}.ipynb"), str(study_file))
            scope: dict[str, object] = {"display": lambda *_: None}
            for cell in notebook.cells:
                # Magics are no Python, and only the first cells of a notebook may hold one.
                if cell.cell_type == "code" and not cell.source.startswith("%"):
                    exec(cell.source, scope)
                    ran += 1
            plt.close("all")
    return ran
