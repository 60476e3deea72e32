"""A Dask cluster for runs: before the first one, its workers get the project and are asked for what they need."""

import contextlib
import functools
import importlib.metadata
import uuid
from collections.abc import Iterator
from pathlib import Path

from training.run import RunError
from training.settings import SettingsError

PACKAGES = ("tensorflow", "keras", "numpy")
PROJECT = Path(__file__).resolve().parents[1]


def preparation(project: str, folder: str, token: str, versions: dict[str, str]):
    """A function for another process: makes the project importable there, or raises in one line what is missing.

    It is defined inside this one so that it travels by value: the other process cannot import this module yet.
    """

    def prepare() -> None:
        import importlib.metadata
        import os
        import sys

        if not os.path.exists(token):
            raise RuntimeError(f"does not see {folder}: start it where that folder is shared, under the same path")
        if not os.path.exists(os.path.join(project, "commands", "jobs.py")):
            raise RuntimeError(f"does not see the project in {project}")
        for name, version in versions.items():
            try:
                found = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                found = "none"
            if found != version:
                raise RuntimeError(f"has {name} {found}, expected {version} as here: pip install {name}=={version}")
        if project not in sys.path:
            sys.path.insert(0, project)
        os.chdir(folder)

    return prepare


def plugin_of(prepare):
    """The preparation as a Dask plugin: it runs on each worker, on those too that join or come back later."""
    from distributed import WorkerPlugin

    class Preparation(WorkerPlugin):
        name = "five-documents"

        def setup(self, worker):
            prepare()

    return Preparation()


@contextlib.contextmanager
def connected(address: str, seconds: float = 10.0) -> Iterator[None]:
    """Within it, joblib's backend "dask" runs on the cluster, whose processes can import the project.

    Args:
        address: of the scheduler, for example "tcp://127.0.0.1:8786".
        seconds: how long to wait for the scheduler, and for a first worker.

    Raises:
        SettingsError: the package distributed is missing, or nothing answers at the address.
        RunError: there is no worker; or one has another version of a package or does not see this folder.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise SettingsError("--cluster needs the package distributed: pip install .[cluster]") from None
    try:
        client = Client(address, timeout=seconds)
    except (OSError, ValueError) as error:
        raise SettingsError(f"--cluster {address}: no Dask scheduler answers there ({error})") from None
    token = Path.cwd() / f".cluster-{uuid.uuid4().hex}"
    prepared = functools.partial(preparation, str(PROJECT), str(Path.cwd()), str(token))
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    with client:
        try:
            token.touch()
            try:
                client.wait_for_workers(1, timeout=seconds)
                client.run_on_scheduler(prepared(versions={}))
                client.register_plugin(plugin_of(prepared(versions)))
            except TimeoutError:
                problem = f"no worker joined within {seconds:g} s: dask worker {address}"
                raise RunError(f"--cluster {address}: {problem}") from None
            except RuntimeError as error:
                raise RunError(f"--cluster {address}: a process of the cluster {error}") from None
            yield
        finally:
            token.unlink(missing_ok=True)
