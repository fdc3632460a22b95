"""Run notebooks on a study, side by side."""

from __future__ import annotations

import asyncio
import copy
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from analysis.errors import ReliefError
from analysis.report.kernels import CELL_SECONDS, Kernel

PARAMETERS_TAG = "parameters"
PARAMETER = "study_file"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WAIT_SECONDS = 0.5
KERNEL_ENDED = (
    "its kernel ended, perhaps for lack of memory. Close other programs and run the same command "
    "again"
)
_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_WARNING = re.compile(r"\b(\w+Warning: .*)")


@dataclass(frozen=True, slots=True)
class Progress:
    """One step forward: `done` of `total` code cells of the notebook called `name`."""

    name: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Job:
    """A notebook to run and, if it takes one, the study file to run it on.

    Attributes
    ----------
    path : Path
        The notebook; it runs in the folder it lies in.
    study_file : Path or None
        Put into the cell tagged `parameters`; None runs the notebook as it is stored.
    cost : int
        How long it takes beside the others. The longest start first, so that none is left over
        for one kernel alone.
    """

    path: Path
    study_file: Path | None = None
    cost: int = 1


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook of the project.

    Raises
    ------
    ReliefError
        The file is not there or is not a notebook.
    """
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise ReliefError(
            f"The notebook {path.name} is missing from the project's notebooks folder. "
            "Run the report from a complete copy of the project."
        ) from None
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise ReliefError(
            f"{path.name} is not a readable notebook ({reason}). Restore it and try again."
        ) from None


def with_study(notebook: NotebookNode, study_file: str) -> NotebookNode:
    """A copy of a notebook whose parameters cell names another study file.

    Parameters
    ----------
    notebook : NotebookNode
        Has exactly one cell tagged `parameters`; never changed.
    study_file : str
        Written as a Python string, whatever characters it holds.

    Raises
    ------
    ReliefError
        The notebook has no such cell, or several.
    """
    changed = copy.deepcopy(notebook)
    cells = [c for c in changed.cells if PARAMETERS_TAG in c.metadata.get("tags", ())]
    if len(cells) != 1:
        raise ReliefError(
            f"The notebook has {len(cells)} cells tagged {PARAMETERS_TAG!r} and needs one. "
            "Restore the notebook from the project."
        )
    cells[0].source = f"{PARAMETER} = {study_file!r}"
    return changed


def run_notebooks(
    jobs: Sequence[Job], on_progress: Callable[[Progress], None] | None = None
) -> list[NotebookNode]:
    """Run notebooks at the same time and return them executed and cleaned, in the order given.

    The same as `running` with nothing else to do.
    """
    with running(jobs, on_progress) as executed:
        return executed()


@contextmanager
def running(
    jobs: Sequence[Job],
    on_progress: Callable[[Progress], None] | None = None,
    variables: Mapping[str, str] | None = None,
    kernels: int | None = None,
) -> Iterator[Callable[[], list[NotebookNode]]]:
    """Run notebooks at the same time, and beside the work of the block.

    Nothing on disk is changed. Where a study file was put in, the parameters cell of the result
    shows its bare name, never a folder of this computer. However the block ends, no kernel is left.

    Parameters
    ----------
    jobs : sequence of Job
    on_progress : callable, optional
        Called after every code cell, from another thread.
    variables : mapping of str to str, optional
        Added to the environment of the kernels.
    kernels : int, optional
        At most so many at a time; each takes the next notebook when it has done one. A kernel of its
        own for every notebook when left out.

    Yields
    ------
    callable
        Waits for the notebooks and returns them executed and cleaned, in the order given. It raises
        `ReliefError` where a cell failed: the notebook, the number of its cell and the error,
        without a traceback.
    """
    outcome: list[list[NotebookNode] | BaseException] = []
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Task]] = []
    stopping, finished = threading.Event(), threading.Event()

    async def gathered() -> list[NotebookNode]:
        task = asyncio.current_task()
        assert task is not None
        started.append((asyncio.get_running_loop(), task))
        if stopping.is_set():
            raise asyncio.CancelledError
        each = [Kernel(variables or {}) for _ in jobs[:kernels]]
        return await _run_all(jobs, on_progress, each)

    def work() -> None:
        try:
            # A selector loop: Windows' default loop cannot watch the kernels' sockets.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                outcome.append(runner.run(gathered()))
        except BaseException as error:
            outcome.append(error)
        finally:
            finished.set()

    def executed() -> list[NotebookNode]:
        # In short waits, because Windows notices Ctrl-C only between them.
        while not finished.wait(WAIT_SECONDS):
            pass
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    threading.Thread(target=work, name="notebooks").start()
    try:
        yield executed
    finally:
        if not finished.is_set():
            stopping.set()
            for loop, task in started:
                # The loop may have come to its end just now.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(task.cancel)
            # Not Thread.join: once interrupted it takes the thread for ended, and kernels would stay.
            finished.wait()


async def _run_all(
    jobs: Sequence[Job], on_progress: Callable[[Progress], None] | None, kernels: Sequence[Kernel]
) -> list[NotebookNode]:
    done: dict[int, NotebookNode] = {}
    waiting = iter(sorted(range(len(jobs)), key=lambda place: -jobs[place].cost))

    async def serve(kernel: Kernel) -> None:
        try:
            for place in waiting:
                done[place] = await _run(jobs[place], on_progress, kernel)
        finally:
            await kernel.end()

    tasks = [asyncio.ensure_future(serve(kernel)) for kernel in kernels]
    try:
        await asyncio.gather(*tasks)
    finally:
        # What clients leave behind when they are stopped is not worth a line on the terminal.
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        # When one fails the others are stopped, and waited for, so that no kernel is left behind.
        # One already told to stop is left to end its kernel; a second call would break that off.
        for task in tasks:
            if not task.cancelling():
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [done[place] for place in range(len(jobs))]


async def _run(
    job: Job, on_progress: Callable[[Progress], None] | None, kernel: Kernel
) -> NotebookNode:
    notebook = read_notebook(job.path)
    if job.study_file is not None:
        notebook = with_study(notebook, str(job.study_file))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        # Stored counts would hide which cell was the last to run.
        cell.execution_count = None
    total, done = len(code), 0

    def executed(cell: NotebookNode, **_: object) -> None:
        nonlocal done
        if cell.cell_type == "code" and on_progress is not None:
            done += 1
            on_progress(Progress(job.path.stem, done, total))

    try:
        await kernel.run(notebook, job.path.parent, executed)
    except CellExecutionError as error:
        raise _failure(job.path, notebook, f"{error.ename}: {error.evalue}") from None
    except CellTimeoutError:
        raise _failure(job.path, notebook, f"it took longer than {CELL_SECONDS} s") from None
    except DeadKernelError:
        raise _failure(job.path, notebook, KERNEL_ENDED) from None
    if job.study_file is not None:
        notebook = with_study(notebook, job.study_file.name)
    return cleaned(notebook)


def _failure(path: Path, notebook: NotebookNode, reason: str) -> ReliefError:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    # A kernel that dies gives the cell no number; that its run began is noted before.
    begun = [n for n, cell in enumerate(code, start=1) if "execution" in cell.metadata]
    return ReliefError(f"{path.name} stopped in code cell {max(begun, default=0)}: {reason}")


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """A copy of an executed notebook without what differs between runs or machines.

    Times of execution go, and so do the version of the kernel's Python and views of widgets, which
    no page can show once the kernel has ended.
    """
    copied = copy.deepcopy(notebook)
    copied.metadata = NotebookNode(
        kernelspec=NotebookNode(_KERNEL), language_info={"name": "python"}
    )
    for cell in copied.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET_VIEW, None)
    return copied


def warnings_in(notebook: NotebookNode) -> list[str]:
    """What an executed notebook wrote to its error stream, without places in files.

    Returns
    -------
    list of str
        One line a warning; a line that is no warning is given as it is. Empty for a clean run.
    """
    lines: list[str] = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "stream" and output.name == "stderr":
                found = _WARNING.findall(output.text)
                lines.extend(found or [output.text.strip()])
    return lines
