"""A real SLURM cluster of two nodes on this machine: munged, slurmctld and two slurmd, all in one folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "scancel")
CONF = """\
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=2,sched_min_interval=100000
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Return why no cluster can be started here; "" if it can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if absent:
        return f"no {', '.join(absent)}: apt-get install slurmctld slurmd munge"
    return "" if os.geteuid() == 0 else "slurmd needs to be root"


PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


class Cluster:
    """Two nodes of one core each, started by the constructor.

    Args:
        folder: For configuration, state and logs. Its path is short: a socket lies in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PATH": PATH, "SLURM_CONF": str(folder / "slurm.conf")}
        (folder / "state").mkdir()
        (folder / "munge.key").touch(0o600)
        (folder / "munge.key").write_bytes(os.urandom(1024))
        host = socket.gethostname().partition(".")[0]
        (folder / "slurm.conf").write_text(CONF.format(folder=folder, host=host, ports=free_ports(3)))
        files = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        self.daemons = [
            self.start("munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *files),
            self.start("slurmctld", "-D"),
            *(self.start("slurmd", "-D", "-N", name) for name in ("n1", "n2")),
        ]
        self.wait_for(lambda: self.run("sinfo", "-h", "-o", "%t %D").strip() == "idle 2", "two idle nodes")

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        log = open(self.folder / f"{command[0]}-{command[-1].strip('-')[-2:]}.log", "w")  # noqa: SIM115
        with log:
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, start_new_session=True)

    def run(self, *command: str) -> str:
        """Return what a command prints; nothing where it fails."""
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False).stdout

    def states(self) -> dict[str, str]:
        """Return the state of each job that is not forgotten, such as {"1": "RUNNING"}."""
        return dict(line.split() for line in self.run("squeue", "-h", "-t", "all", "-o", "%A %T").splitlines())

    def wait_for(self, happened: Callable[[], object], what: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, f"no {what}: {self.run('squeue')}"
            time.sleep(0.3)

    def stop(self) -> None:
        """Kill what runs, and end the daemons: first the nodes, which wait for their jobs."""
        for job in self.states():
            self.run("scancel", "--signal=KILL", "--full", job)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()


def free_ports(count: int) -> list[int]:
    """Return free ports."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
