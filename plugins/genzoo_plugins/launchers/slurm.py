"""Jobs of a SLURM cluster, submitted by submitit."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import genzoo

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

INSTALL = 'pip install "genzoo[slurm]"'
EARLY = signal.SIGUSR2
"""The signal that SLURM sends before a job's time is up, to all of its processes; submitit queues the job again."""
OFTEN = 10_000
"""How often a job may be queued again because its time was up."""
SAVED = 128 + signal.SIGTERM
"""The exit code of a command that was asked to end, and saved its run."""


class Slurm(genzoo.Launcher):
    """Submit jobs to SLURM. A job whose time is up saves its run, is queued again and goes on.

    Other options of a job are taken from sbatch's environment variables, such as SBATCH_ACCOUNT.
    """

    @genzoo.config
    class Config:
        partition: str = ""
        """The partition; empty: the cluster's default."""
        time: genzoo.Count = 60
        """Minutes that a job may take; then it is queued again."""
        grace: genzoo.Count = 90
        """Seconds before that in which it saves its run."""
        gpus: genzoo.Natural = 0
        """GPUs of each job."""
        cpus: genzoo.Count = 1
        """CPU cores of each job."""
        memory: genzoo.NonNegative = 0.0
        """Memory of each job in GB; 0: the cluster's default."""
        logs: str = "slurm"
        """The folder of the jobs' output, which all machines see."""

    cluster: ClassVar[str] = "slurm"
    """The executor of submitit."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        if importlib.util.find_spec("submitit") is None:
            raise genzoo.UsageError("--on slurm: submitit is not installed", INSTALL)
        if self.cluster == "slurm" and not (shutil.which("sbatch") and shutil.which("srun")):
            raise genzoo.UsageError("--on slurm: there is no sbatch here", "type it on a login node of the cluster")

    def start(self, command: Sequence[str], n: int) -> list[str]:
        from submitit import AutoExecutor
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        executor = AutoExecutor(self.config.logs, cluster=self.cluster, slurm_max_num_timeout=OFTEN)
        executor.update_parameters(**self.parameters())
        try:
            return [str(executor.submit(Job(list(command))).job_id) for _ in range(n)]
        except (FailedJobError, FailedSubmissionError) as error:
            why = str(error).strip().splitlines()[-1]
            raise genzoo.GenzooError(f"sbatch refused the job: {why}", "all options: genzoo info slurm") from None

    def parameters(self) -> dict[str, Any]:
        """Return the options as submitit names them."""
        own = self.config
        found = {
            "name": "genzoo",
            "timeout_min": own.time,
            "cpus_per_task": own.cpus,
            "slurm_signal_delay_s": own.grace,
        }
        found |= {"slurm_partition": own.partition} if own.partition else {}
        found |= {"gpus_per_node": own.gpus} if own.gpus else {}
        return found | ({"mem_gb": own.memory} if own.memory else {})


class Job:
    """A command that runs as a process of a job. submitit stores it, and nothing but these words.

    Args:
        command: The words.
    """

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> None:
        """Run the command to its end.

        Raises:
            CalledProcessError: It failed.
        """
        ignore = partial(signal.signal, EARLY, signal.SIG_IGN)
        process = self.process = subprocess.Popen(self.command, preexec_fn=ignore)  # noqa: S603 (the user's own words)
        wait_for(process.pid)
        code = process.wait()
        if code == SAVED and is_wanted():
            os.kill(os.getpid(), EARLY)  # submitit queues the job again
        if code:
            raise subprocess.CalledProcessError(code, self.command)

    def checkpoint(self) -> DelayedSubmission:
        """Let the process save its run and end; return what is queued again: the same command."""
        from submitit.helpers import DelayedSubmission

        if self.process and self.process.returncode is None:
            self.process.terminate()
            wait_for(self.process.pid)
        return DelayedSubmission(Job(self.command))


def wait_for(pid: int) -> None:
    """Wait for the end of a child, in a signal handler too, where `Popen.wait` would wait for itself."""
    with suppress(ChildProcessError):  # it is known to have ended
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def is_wanted() -> bool:
    """Return whether the job of this process is to go on: it is neither cancelled nor queued again already."""
    command = ["scontrol", "show", "job", "--oneliner", os.environ.get("SLURM_JOB_ID", "")]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (SLURM's own number)
    return "JobState=RUNNING" in shown.stdout
