"""A chapter's process: this Python, with a configuration of its own, whatever the user's is."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet

from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from traitlets import default

from dissect.files import temporary_in

# glibc keeps what a batch frees for the next one, up to half a GiB: to hand it back and ask anew costs a
# twentieth of the time of a pass. Other allocators read other names.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(512 * 2**20)}
PICTURES = "module://matplotlib_inline.backend_inline"  # draws into the notebook, as nothing else does
ARGUMENTS = ["--IPKernelApp.log_level=CRITICAL", "--InlineBackend.figure_formats=png"]
# Of the user's environment: code that would run before a chapter's, and what leaves out its assertions.
NOT_PASSED_ON = ("PYTHONSTARTUP", "PYTHONOPTIMIZE")
AT_WORK: WeakSet[AsyncKernelManager] = WeakSet()  # those who look after chapters' processes


@contextmanager
def settings_of_its_own(beside: Path) -> Iterator[Path]:
    """A folder for what a process reads of its user, and for its temporary files; removed afterwards.

    Args:
        beside: The folder that it is made in.
    """
    home = Path(tempfile.mkdtemp(prefix=".process-", dir=beside))
    try:
        (home / "matplotlibrc").touch()  # an empty one: Matplotlib's own defaults
        (home / "temporary").mkdir()
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def environment_in(home: Path) -> dict[str, str]:
    """What tells Python, IPython and Matplotlib to read a folder's settings in the place of the user's."""
    return {
        "MPLBACKEND": PICTURES, "MATPLOTLIBRC": str(home / "matplotlibrc"),
        "IPYTHONDIR": str(home / "ipython"), "JUPYTER_RUNTIME_DIR": str(home), "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "ignore", **temporary_in(home / "temporary"), **ALLOCATOR,
    }  # fmt: skip


def without_users_code(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what is not passed on to chapters."""
    return {name: value for name, value in environment.items() if name not in NOT_PASSED_ON}


class ThisPython(KernelSpecManager):
    """Knows one kernel, that of the Python that runs; others, of whatever name, are not looked for."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """How this Python is started as a kernel.

        Args:
            kernel_name: Whatever it is called.
        """
        return KernelSpec(**get_kernel_dict())


def kernel(environment: Mapping[str, str], folder: Path, home: Path) -> type[AsyncKernelManager]:
    """A manager whose process has this environment and folder.

    Papermill can only change our own, which other chapters share.

    Args:
        environment: What it has besides ours.
        folder: In which it works.
        home: As `settings_of_its_own` makes it.
    """

    class Kernel(AsyncKernelManager):
        @default("kernel_spec_manager")
        def _kernel_spec_manager_default(self) -> KernelSpecManager:
            return ThisPython()

        @default("connection_file")
        def _connection_file_default(self) -> str:
            return str(home / "connection.json")

        async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
            own = without_users_code(options["env"]) | environment_in(home) | dict(environment)
            options |= {"env": own, "cwd": str(folder.resolve())}
            await super()._async_launch_kernel(kernel_cmd, **options)
            AT_WORK.add(self)

    return Kernel


def kill() -> None:
    """End the chapters' processes at once."""
    for manager in list(AT_WORK):
        process = getattr(manager.provisioner, "process", None)
        if process is not None and process.poll() is None:
            process.kill()
