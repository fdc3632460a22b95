"""A kernel that runs one notebook after another, each as if it were the first."""

from __future__ import annotations

import atexit
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

CELL_SECONDS = 600
# To clear takes milliseconds; a process that does not answer in this time is replaced.
CLEAR_SECONDS = 60
# Ciphers the channel to the kernel where it runs over TCP; without it each kernel prints a warning.
CONFIG = Config({"KernelManager": {"transport_encryption": "auto"}})
# Names and counts of the notebook before go. What it imported stays, which is what takes seconds. The
# empty block makes Python forget which warnings it has shown: each notebook shows its own.
_CLEAR = """\
import os, warnings
with warnings.catch_warnings():
    pass
os.chdir({folder!r})
get_ipython().reset(new_session=True)
"""


class Kernel:
    """A process that notebooks run in, one at a time; started by the first.

    Parameters
    ----------
    variables : mapping of str to str
        Added to the environment of the process.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._manager: AsyncKernelManager | None = None

    async def run(
        self, notebook: NotebookNode, folder: Path, on_cell_executed: Callable[..., None]
    ) -> None:
        """Run a notebook's cells in a folder and put their outputs into it.

        Raises
        ------
        nbclient.exceptions.CellExecutionError, CellTimeoutError, DeadKernelError
        """
        if not await self._cleared(folder):
            await self.end()
        client = NotebookClient(
            notebook, km=self._manager, timeout=CELL_SECONDS, kernel_name="python3", config=CONFIG,
            resources={"metadata": {"path": str(folder)}}, on_cell_executed=on_cell_executed,
        )  # fmt: skip
        # What a kernel prints while it is stopped is noise; what cells print is in the notebook.
        started = client.async_setup_kernel(
            cleanup_kc=False, stderr=subprocess.DEVNULL, env={**os.environ, **self._variables}
        )
        try:
            async with started:
                await client.async_execute(cleanup_kc=False)
        finally:
            self._manager = client.km
            # A client stopped halfway leaves these behind: open sockets, and a call that fails
            # aloud when Python ends.
            atexit.unregister(client._cleanup_kernel)
            if client.kc is not None:
                client.kc.stop_channels()

    async def _cleared(self, folder: Path) -> bool:
        """Whether there is a process from which all of the notebook before could be taken."""
        if self._manager is None:
            return False
        client = self._manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=CLEAR_SECONDS)
            reply = await client.execute_interactive(
                _CLEAR.format(folder=str(folder)), silent=True, store_history=False,
                allow_stdin=False, timeout=CLEAR_SECONDS,
            )  # fmt: skip
        except (RuntimeError, TimeoutError):
            return False
        finally:
            client.stop_channels()
        return reply["content"]["status"] == "ok"

    async def end(self) -> None:
        """Stop the process, if there is one; the next notebook starts another."""
        manager, self._manager = self._manager, None
        if manager is None:
            return
        try:
            if await manager.is_alive():
                # Nothing in it is worth the second that it takes to end by itself.
                await manager.shutdown_kernel(now=True)
        finally:
            await manager.cleanup_resources()
