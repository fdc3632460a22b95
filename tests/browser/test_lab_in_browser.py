"""The notebooks as a researcher meets them: JupyterLab opens each, runs all cells, and shows its figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from lab_server import ROOT, Lab, copy_notebooks, running_lab
from page_faults import axe_faults
from playwright.sync_api import Browser, Locator, Page, expect

from analysis.report.refresh import ON_REAL_DATA, stored_notebooks
from analysis.studies.load import read_study

pytestmark = pytest.mark.slow

NOTEBOOKS = ROOT / "notebooks"
# The form is run by keyboard.
FORM = "00_your_own_data.ipynb"
NAMES = [
    path.relative_to(NOTEBOOKS).as_posix()
    for path in stored_notebooks(NOTEBOOKS, with_real=True) if path.name != FORM
]  # fmt: skip
# A wait ends as soon as what is waited for is there; a busy machine may need long.
WAIT_MS = 300_000
FIGURE_WIDTH = 100
# More than there are controls in the form.
CONTROLS = 80

_IDLE = """() =>
  window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"""
# Cells that are not in sight may be missing from the page, and are in the model.
_CELLS = """const cells = jupyterapp.shell.currentWidget.content.model.sharedModel.cells;
  const outputs = cell => cell.cell_type === 'code' ? cell.getOutputs() : [];"""
_ENDED = f"""() => {{
  {_CELLS}
  const failed = cells.some(cell => outputs(cell).some(one => one.output_type === 'error'));
  const all = cells.every(cell => cell.cell_type !== 'code' || cell.execution_count);
  return (failed || all) && ({_IDLE})();
}}"""
_ERRORS = f"""() => {{
  {_CELLS}
  const errors = cells.flatMap(cell => outputs(cell)).filter(one => one.output_type === 'error');
  return errors.map(one => one.ename + ': ' + one.evalue);
}}"""
_DRAWN = f"""() => {{
  {_CELLS}
  return [...cells.keys()].filter(place => outputs(cells[place]).some(one => one.data?.['image/png']));
}}"""
_OPEN = """async path => {
  for (const one of [...jupyterapp.shell.widgets('main')])
    if (one.sessionContext) { await one.sessionContext.shutdown(); one.dispose(); }
  await jupyterapp.commands.execute('docmanager:open', { path, factory: 'Notebook' });
}"""
_SCROLL = "place => jupyterapp.shell.currentWidget.content.scrollToItem(place)"
_WIDTHS = """place => [...jupyterapp.shell.currentWidget.content.widgets[place].node
  .querySelectorAll('.jp-OutputArea-output img')].map(one => one.checkVisibility() ? one.naturalWidth : 0)"""


@pytest.fixture(scope="module")
def lab(chromium, tmp_path_factory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    copy_notebooks(folder)
    with running_lab(folder) as running:
        yield running


@contextmanager
def opened(browser: Browser) -> Iterator[Page]:
    """A page that is to ask nothing of another host."""
    context = browser.new_context(viewport={"width": 1300, "height": 1000})
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    try:
        yield context.new_page()
    finally:
        context.close()
    hosts = {urlsplit(url).hostname for url in asked if url.startswith("http")}
    assert hosts == {"127.0.0.1"}


@pytest.fixture
def page(browser) -> Iterator[Page]:
    with opened(browser) as made:
        yield made


@pytest.fixture(scope="module")
def same_page(browser, lab) -> Iterator[Page]:
    """One window for all notebooks: JupyterLab itself takes longer to load than most of them to run."""
    with opened(browser) as made:
        made.goto(lab.url("lab") + "&reset")
        made.wait_for_function("() => window.jupyterapp")
        # Opened before the last state of the window is there, a notebook would be put away again.
        made.evaluate("() => jupyterapp.restored.then(() => null)")
        yield made


def open_notebook(page: Page, lab: Lab, name: str) -> None:
    page.goto(lab.url(f"lab/tree/notebooks/{name}") + "&reset")
    page.wait_for_function(_IDLE)


def open_next_notebook(page: Page, name: str) -> None:
    """Open a notebook in place of the one before, whose kernel ends."""
    path = f"notebooks/{name}"
    page.evaluate(_OPEN, path)
    shown = f"() => jupyterapp.shell.currentWidget?.context?.path === {path!r} && ({_IDLE})()"
    page.wait_for_function(shown)


def errors_of_all_cells(page: Page) -> list[str]:
    """Run all cells through the menu; the errors that are then in the notebook."""
    page.locator(".lm-MenuBar-itemLabel").get_by_text("Run", exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text("Run All Cells", exact=True).click()
    page.wait_for_function(_ENDED)
    return page.evaluate(_ERRORS)


def figures_seen(page: Page) -> int:
    """How many cells show a figure, each brought into sight."""
    places = page.evaluate(_DRAWN)
    for place in places:
        page.evaluate(_SCROLL, place)
        page.wait_for_function(f"place => (({_WIDTHS})(place)[0] || 0) > {FIGURE_WIDTH}", arg=place)
    return len(places)


@pytest.mark.parametrize("name", NAMES)
def test_all_cells_of_a_notebook_run_and_its_figures_are_seen(request, same_page, name):
    if Path(name).parent.name in ON_REAL_DATA:
        request.getfixturevalue("shared_data")
    open_next_notebook(same_page, name)
    assert errors_of_all_cells(same_page) == []
    stored = nbformat.read(NOTEBOOKS / name, as_version=4)
    drawn = [
        cell for cell in stored.cells
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", ()))
    ]  # fmt: skip
    assert figures_seen(same_page) == len(drawn)


def test_a_cell_that_fails_is_noticed(page, lab):
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
    broken = nbformat.v4.new_notebook(metadata=kernel, cells=[nbformat.v4.new_code_cell("1 / 0")])
    nbformat.write(broken, lab.folder / "notebooks" / "broken.ipynb")
    open_notebook(page, lab, "broken.ipynb")
    assert errors_of_all_cells(page) == ["ZeroDivisionError: division by zero"]


def test_the_form_makes_a_study_file_by_keyboard_alone(page, lab):
    open_notebook(page, lab, FORM)
    _run_by_keyboard(page)
    _select_form(page)

    tab_to(page, page.get_by_label("Title of the study", exact=True))
    page.keyboard.press("Control+a")
    page.keyboard.type("Massage: does it last?")
    page.keyboard.press("Enter")
    form = page.locator(".jupyter-widgets").first
    expect(form.get_by_text("What is the study called?")).to_have_count(0)

    therapy = page.get_by_label("Column of the therapy", exact=True)
    expect(form.get_by_text("no_comparator")).to_have_count(0)
    tab_to(page, therapy)
    choose(page, therapy, up=1)
    expect(form.get_by_text("no_comparator")).to_be_visible()
    choose(page, therapy, down=1)
    expect(form.get_by_text("no_comparator")).to_have_count(0)

    tab_to(page, page.get_by_role("button", name="Save the study file"))
    page.keyboard.press("Enter")
    expect(form.get_by_text("Saved:")).to_be_visible()
    study = read_study(lab.folder / "data" / "examples" / "clinic_sheet" / "patients.yml")
    assert (study.title, study.therapy.column) == ("Massage: does it last?", "Gruppe")
    # Its controls have names for those who cannot see it.
    assert not axe_faults(page, within=".jupyter-widgets")


def _run_by_keyboard(page: Page) -> None:
    page.keyboard.press("Control+Shift+c")
    expect(page.locator(".lm-CommandPalette-input")).to_be_focused()
    page.keyboard.type("Run All Cells")
    marked = page.locator(".lm-CommandPalette-item.lm-mod-active")
    expect(marked).to_have_attribute("data-command", "notebook:run-all-cells")
    page.keyboard.press("Enter")
    page.wait_for_function(_ENDED)
    assert page.evaluate(_ERRORS) == []


def _select_form(page: Page) -> None:
    """Go up from the last cell to the one of the form."""
    place = page.evaluate(f"""() => {{ {_CELLS}
      return cells.findIndex(cell => cell.source.startsWith('form = ')); }}""")
    active = "() => jupyterapp.shell.currentWidget.content.activeCellIndex"
    while (at := page.evaluate(active)) > place:
        page.keyboard.press("ArrowUp")
        page.wait_for_function(f"at => ({active})() < at", arg=at)


def tab_to(page: Page, control: Locator) -> None:
    """Press Tab until a control has the focus."""
    for _ in range(CONTROLS):
        if control.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not come to {control}")


def choose(page: Page, control: Locator, up: int = 0, down: int = 0) -> None:
    """Open a list with Space, move in it, and take what is marked; the list keeps the focus."""
    before = control.input_value()
    page.keyboard.press("Space")
    page.wait_for_function("one => one.matches(':open')", arg=control.element_handle())
    for key in ["ArrowUp"] * up + ["ArrowDown"] * down:
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(control).not_to_have_value(before)
    expect(control).to_be_focused()
