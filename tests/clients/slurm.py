"""A Slurm of one node for a test: controller, node and credentials in a folder of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.running_centre import clean_environment, free_port
from tools import system_programs

START_SECONDS = 30.0
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={control_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
PlugStackConfig={folder}/plugstack.conf
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/linear
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def needed() -> None:
    """Skip the test, or in CI fail it, where there is no Slurm or it may not be run."""
    if system_programs.has_slurm() and os.geteuid() == 0:
        return
    message = f"no Slurm to run as root here: {system_programs.SLURM_HOW}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def cluster() -> Iterator[dict[str, str]]:
    """A cluster that takes jobs; the variables by which its commands find it."""
    # A path of a socket is short, and the folders of tests are not.
    with TemporaryDirectory(prefix="slurm-") as folder, ExitStack() as stack:
        yield _started(Path(folder), stack)


def _started(folder: Path, stack: ExitStack) -> dict[str, str]:
    host = socket.gethostname().partition(".")[0]
    for part in ("state", "spool"):
        (folder / part).mkdir()
    folder.chmod(0o755)
    (folder / "plugstack.conf").touch()
    ports = {"control_port": free_port(), "node_port": free_port()}
    text = CONFIGURATION.format(folder=folder, host=host, **ports)
    (folder / "slurm.conf").write_text(text)
    environment = clean_environment(SLURM_CONF=str(folder / "slurm.conf"))
    for command in (_munge(folder), ["slurmctld", "-D"], ["slurmd", "-D"]):
        log = stack.enter_context((folder / f"{command[0]}.out").open("wb"))
        daemon = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        stack.callback(_ended, daemon)
    _wait_idle(folder, environment)
    return {"SLURM_CONF": environment["SLURM_CONF"]}


def _munge(folder: Path) -> list[str]:
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    files = {"socket": "sock", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    places = [f"--{name}={folder}/munge.{end}" for name, end in files.items()]
    return ["munged", "--foreground", "--force", f"--key-file={key}", *places]


def _wait_idle(folder: Path, environment: dict[str, str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    command = ["sinfo", "--noheader", "--format=%T"]
    while time.monotonic() < deadline:
        found = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        if found.stdout.strip() == "idle":
            return
        time.sleep(0.2)
    logs = "".join(path.read_text()[-1500:] for path in folder.glob("*.out"))
    raise AssertionError(f"the cluster did not get ready:\n{logs}")


def _ended(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(15)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait(15)
