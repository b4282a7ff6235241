"""Clusters run whatever they are sent: who may connect to them, and what they show to others."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import dask
import psutil
import pytest
from distributed import Client
from distributed.comm import connect, listen
from distributed.security import Security
from standins.shell import ROOT

from cropland.support import dask_cluster

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def local() -> Iterator[Client]:
    """A cluster of this machine, of one worker."""
    with dask_cluster.opened(None, 1) as client:
        yield client


def family(pid: int) -> list[psutil.Process]:
    """A process and all below it."""
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def listening(pid: int) -> list[tuple[str, int]]:
    """Where a process and those below it listen."""
    found = [each.net_connections("inet") for each in family(pid)]
    return [tuple(c.laddr) for each in found for c in each if c.status == psutil.CONN_LISTEN]


def refuses(address: str, security: Security) -> bool:
    """Whether an address of a cluster speaks to nobody who comes with this certificate."""
    call = connect(address, **security.get_connection_args("client"))
    try:
        asyncio.run(asyncio.wait_for(call, 2)).abort()
    except (OSError, TypeError):
        return True
    return False


def test_a_process_without_the_certificate_reaches_no_part_of_a_local_cluster(
    local: Client,
) -> None:
    addresses = [local.scheduler.address, *local.scheduler_info()["workers"]]
    addresses += [each["nanny"] for each in local.scheduler_info()["workers"].values()]
    assert len(addresses) == 3
    for address in addresses:
        plain = "tcp://" + address.rpartition("/")[2]
        assert refuses(address, Security.temporary())  # another certificate
        assert refuses(plain, Security())  # none
    assert local.submit(sum, [1, 2]).result() == 3


def test_a_local_cluster_listens_on_loopback_and_shows_no_page(local: Client) -> None:
    ports = listening(os.getpid())
    assert ports and {host for host, _ in ports} <= {"127.0.0.1", "::1"}
    pages = [
        f"http://127.0.0.1:{local.cluster.scheduler.http_server.port}/{page}"
        for page in ("", "health", "json/counts.json", "info/main/workers.html", "metrics")
    ]
    for page in pages:
        with pytest.raises(HTTPError, match="404"):
            urlopen(page, timeout=60)


def test_keys_of_a_local_cluster_are_in_no_command_line_variable_or_file(local: Client) -> None:
    for process in family(os.getpid())[1:]:
        with suppress(psutil.NoSuchProcess):
            assert "PRIVATE KEY" not in " ".join([*process.cmdline(), *process.environ().values()])
    (folder,) = {Path(each) for each in local.run(os.getcwd).values()} and {
        Path(each["local_directory"]) for each in local.scheduler_info()["workers"].values()
    }
    private = next(each for each in folder.parents if each.name.startswith("cropland-"))
    assert private.stat().st_mode & 0o077 == 0  # what is spilled there is unpickled
    files = [path for path in private.rglob("*") if path.is_file()]
    assert not [path for path in files if b"PRIVATE KEY" in path.read_bytes()]


def test_a_local_cluster_writes_nothing_in_the_folder_that_users_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "thesis.txt"
    kept.write_text("all of it")
    shared = tmp_path / "dask-scratch-space"  # another user made it first
    shared.mkdir()
    names = ("global.lock", "purge.lock")
    for name in names:
        (shared / name).symlink_to(kept)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with dask_cluster.opened(None, 1) as client:
        folders = {Path(client.cluster.scheduler.local_directory)}
        folders |= {Path(nanny.local_directory) for nanny in client.cluster.workers.values()}
        assert client.submit(sum, [1, 2]).result() == 3
    assert folders and not any(folder.is_relative_to(shared) for folder in folders)
    assert {path.name for path in shared.iterdir()} == set(names)
    assert kept.read_text() == "all of it"


@contextmanager
def background(command: str, folder: Path, ready: str) -> Iterator[int]:
    """Run a shell's command until it prints that it is ready; end it afterwards."""
    where = {"HOME": str(folder), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=where,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if ready in line:
                    break
            else:
                pytest.fail("".join(lines))
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def documented() -> list[str]:
    """The shell's commands of docs/operations.md on clusters, in their order."""
    text = (ROOT / "docs" / "operations.md").read_text().partition("## A cluster")[2]
    return re.findall(r"```sh\n(.*?)```", text.partition("\n## ")[0], re.DOTALL)


def test_the_documented_cluster_takes_nobody_without_its_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "SECONDS_TO_ANSWER", 60)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    certificate, scheduler, worker, command = (
        each.replace("SCHEDULER:", "127.0.0.1:")
        .replace("--host SCHEDULER", "--host 127.0.0.1")
        .replace("--host WORKER", "--host 127.0.0.1")
        .replace("8786", str(port))
        for each in documented()
    )
    address = re.findall(r"hydra.launcher.scheduler=(\S+)", command)[0]
    with background(f"{certificate} echo made", tmp_path, "made"):
        pass
    key, crt = (str(tmp_path / ".cropland" / f"cluster.{end}") for end in ("key", "crt"))
    assert Path(key).stat().st_mode & 0o077 == 0
    with (
        background(scheduler, tmp_path, "Scheduler at") as one,
        background(worker.replace("--nworkers 8", "--nworkers 1"), tmp_path, "Registered") as two,
    ):
        assert {host for pid in (one, two) for host, _ in listening(pid)} == {"127.0.0.1"}
        assert refuses(address, Security.temporary())
        assert refuses(address.replace("tls", "tcp"), Security())
        with pytest.raises(
            ConnectionError, match="has no certificate for it: distributed.comm.tls"
        ):
            dask_cluster.prepare(address)
        files = {"ca-file": crt, "client.cert": crt, "client.key": key}
        settings = {f"distributed.comm.tls.{name}": file for name, file in files.items()}
        with dask.config.set(settings), dask_cluster.opened(address, 0) as client:
            assert client.submit(sum, [1, 2]).result() == 3
    assert "note" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "private"),
    [
        *(("tcp://127.0.0.1:8786", True), ("localhost:8786", True), ("tcp://[::1]:8786", True)),
        *(("tls://10.0.0.1:8786", True), ("wss://host:8786", True), ("10.0.0.1:8786", False)),
        *(("tcp://scheduler:8786", False), ("tcp://[fd00::2]:8786", False)),
    ],
)
def test_a_cluster_that_a_network_can_reach_is_noted(address: str, private: bool) -> None:
    assert dask_cluster._is_private(address) is private


def test_joining_a_cluster_that_a_network_can_reach_says_so(
    scheduler: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with dask_cluster.opened(scheduler, 0):
        assert capsys.readouterr().err == ""  # on loopback
    monkeypatch.setattr(dask_cluster, "get_address_host", lambda _: "10.0.0.1")
    with dask_cluster.opened(scheduler, 0):
        said = capsys.readouterr().err
    assert said.startswith(
        f"note connections to {scheduler} are not encrypted: everybody in its network"
    )


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "SECONDS_TO_ANSWER", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=r"no answer within 0\.3 s"):
            dask_cluster.prepare(address)


def test_a_listener_that_is_closed_while_somebody_connects_prints_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def close_while_connecting() -> None:
        arguments = Security.temporary().get_listen_args("scheduler")
        listener = listen("tls://127.0.0.1:0", print, **arguments)
        await listener.start()
        _, writer = await asyncio.open_connection(*listener.get_host_port())
        await asyncio.sleep(0.1)
        listener.stop()
        writer.close()
        await asyncio.sleep(0.1)

    asyncio.run(close_while_connecting())
    assert "Traceback" not in caplog.text
