"""A SLURM of one machine: its commands on PATH, and its jobs as real processes.

`sbatch` keeps the script that it reads, `srun` runs a command in a process group of its
own and sends on signals to that whole group, as slurmstepd may; `scontrol requeue` says
that a job queues again. `Cluster.run` runs a job of the array as slurmd does.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

SBATCH = """
import os, sys
if os.environ.get("SBATCH_REFUSES"):
    sys.exit("sbatch: error: invalid partition specified: gpu")
open(os.environ["SLURM_SPOOL"] + "/job.sh", "w").write(sys.stdin.read())
print("Submitted batch job 7")
"""
SRUN = """
import itertools, os, signal, subprocess, sys
command = [*itertools.dropwhile(lambda a: a.startswith("--"), sys.argv[1:])]
steps, early = [], []
def send(number, _):
    early.append(number) if not steps else os.killpg(steps[0].pid, number)
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, send)
step = subprocess.Popen(command, start_new_session=True)
steps.append(step)
for number in early:
    os.killpg(step.pid, number)
code = step.wait()
sys.exit(code if code >= 0 else 128 - code)
"""
SCONTROL = """
import os, sys
verb, job = sys.argv[1:]
assert verb == "requeue" and job == os.environ["SLURM_JOB_ID"]
open(os.environ["SLURM_SPOOL"] + "/requeued-" + job, "w").close()
"""


class Cluster:
    """The commands in a folder, for `PATH`; and a spool folder.

    Attributes:
        environment: of whoever uses the cluster.
    """

    def __init__(self, folder: Path) -> None:
        self.programs, self.spool = folder / "programs", folder / "spool"
        self.programs.mkdir(parents=True)
        self.spool.mkdir()
        for name, code in (("sbatch", SBATCH), ("srun", SRUN), ("scontrol", SCONTROL)):
            self.program(name, f"#!{sys.executable}\n{code}")
        self.environment = {
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "SLURM_SPOOL": str(self.spool),
        }

    def program(self, name: str, text: str) -> None:
        """Puts one more program on PATH."""
        path = self.programs / name
        path.write_text(text)
        path.chmod(0o755)

    @property
    def script(self) -> str:
        """What was given to sbatch."""
        return (self.spool / "job.sh").read_text()

    def run(self, task: int, **environment: str) -> Job:
        """Begins a job of the array."""
        return Job(self, task, environment)


class Job:
    """The batch shell of one job."""

    def __init__(
        self, cluster: Cluster, task: int, environment: dict[str, str]
    ) -> None:
        script = cluster.script
        # sbatch reads such lines as far as the first command, words as a shell does
        head = re.match(r"#!/bin/bash\n(#.*\n)*", script)
        assert head is not None
        lines = re.findall(r"^#SBATCH (.*)$", head[0], re.M)
        assert len(lines) == script.count("#SBATCH")
        options = dict(shlex.split(o)[0].partition("=")[::2] for o in lines)
        assert options["--signal"].startswith("B:USR1@")  # the batch shell only
        assert "--requeue" in options and options["--open-mode"] == "append"
        first, _, last = options["--array"].partition("-")
        assert int(first) <= task <= int(last)
        name = options["--output"].replace("%A", "7").replace("%a", str(task))
        self._requeued = cluster.spool / f"requeued-{7 + task}"
        self._requeued.unlink(missing_ok=True)
        self.log = Path(options["--chdir"], name.replace("%%", "%"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["bash", cluster.spool / "job.sh"],
                cwd=options["--chdir"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    **cluster.environment,
                    "SLURM_JOB_ID": str(7 + task),
                    **environment,
                },
            )

    def time_is_nearly_over(self) -> None:
        """What --signal=B:USR1 asks for."""
        self.process.send_signal(signal.SIGUSR1)

    def ended(self, within: float = 120) -> tuple[int, bool]:
        """Waits for its end: exit status, and whether it queues again."""
        return self.process.wait(within), self._requeued.exists()

    def said(self) -> str:
        """Its log."""
        return self.log.read_text()
