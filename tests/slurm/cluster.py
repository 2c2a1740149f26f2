"""A SLURM cluster on this machine: munged, slurmctld and slurmd, two simulated GPUs, and all state in one folder.

There is no accounting and no cgroups, so it needs neither systemd nor a database, but root.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
PACKAGES = ("slurm-wlm", "munge")  # of Debian and Ubuntu
INSTALL = "PIPELINE_INSTALL"
SETTINGS = Path("/etc/slurm")  # Snakemake's plugin drops SLURM_CONF, so the files have to be here
FILES = ("slurm.conf", "gres.conf", "cgroup.conf")
DEVICES = ("/dev/null", "/dev/zero")  # a GPU has to be a device file; jobs only see its number
MEMORY = 8000

CONF = """\
ClusterName={name}
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=cred_expire=5
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=1,sched_interval=5,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
ReturnToService=2
BatchStartTimeout=1
MinJobAge=3600
InactiveLimit=0
KillWait=10
Waittime=0
SlurmctldTimeout=30
SlurmdTimeout=60
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why no cluster can run here, or None. PIPELINE_INSTALL=1 installs missing packages first."""
    if os.geteuid() != 0:
        return "the cluster's daemons have to be started as root"
    _remove_leftovers()
    if SETTINGS.is_symlink() or (SETTINGS / "slurm.conf").exists():
        return f"{SETTINGS} has settings of another cluster"
    if not _absent() or (os.environ.get(INSTALL) == "1" and _install()):
        return None
    return f"not installed: {', '.join(_absent())} (packages {' and '.join(PACKAGES)}; {INSTALL}=1 installs them)"


def _remove_leftovers() -> None:
    """Remove the links of a test that was killed: with them, each start of Snakemake waits 9 s for a controller."""
    if (SETTINGS / "slurm.conf").is_symlink() and not said("pgrep", "-x", "slurmctld"):
        _unlink()


def _unlink() -> None:
    for name in FILES:
        if (SETTINGS / name).is_symlink():
            (SETTINGS / name).unlink()


def _absent() -> list[str]:
    return [name for name in PROGRAMS if shutil.which(name) is None]


def _install() -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
        subprocess.run(["apt-get", *command], env=environment, capture_output=True, check=False)
    return not _absent()


class Cluster:
    """The daemons of the cluster; `stop` ends everything that was started."""

    def __init__(self, folder: Path) -> None:
        """Prepare settings below `folder`; nothing runs yet."""
        self.folder, self.host = folder, socket.gethostname().partition(".")[0]
        self.munged: int | None = None
        self.name = f"test{os.getpid()}"
        for name in ("state", "spool", "run", "log", "munge"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "slurm.conf").write_text(
            CONF.format(
                name=self.name,
                host=self.host,
                folder=folder,
                cpus=max(2, os.cpu_count() or 2),
                memory=MEMORY,
                gpus=len(DEVICES),
                controller_port=_free_port(),
                node_port=_free_port(),
            )
        )
        gpus = [f"NodeName={self.host} Name=gpu File={device}\n" for device in DEVICES]
        (folder / "gres.conf").write_text("".join(gpus))
        (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")

    def start(self) -> None:
        """Start all three daemons, and wait until the node is idle."""
        self._start_munge()
        SETTINGS.mkdir(exist_ok=True)
        for name in FILES:
            (SETTINGS / name).symlink_to(self.folder / name)
        self.start_controller()
        self.start_node()
        wait_for(lambda: said("sinfo", "-h", "-o", "%T") == "idle", "the node to be idle")

    def _start_munge(self) -> None:
        """Start munged, unless it runs already: a machine has a single one."""
        if subprocess.run("munge -n | unmunge", shell=True, capture_output=True).returncode == 0:
            return
        for path, mode in (("/run/munge", 0o755), ("/var/log/munge", 0o700)):
            Path(path).mkdir(exist_ok=True)
            shutil.chown(path, "munge", "munge")
            Path(path).chmod(mode)
        subprocess.run(["setpriv", "--reuid=munge", "--regid=munge", "--clear-groups", "munged", "--force"], check=True)
        pid = Path("/run/munge/munged.pid")
        wait_for(pid.is_file, "munged to start")
        self.munged = int(pid.read_text())

    def start_controller(self) -> None:
        """Start slurmctld; it restores the jobs from its saved state."""
        subprocess.run(["slurmctld"], check=True)
        wait_for(lambda: "UP" in said("scontrol", "ping"), "slurmctld to answer")

    def start_node(self) -> None:
        """Start slurmd."""
        subprocess.run(["slurmd"], check=True)

    def stop_controller(self) -> None:
        """Stop slurmctld; jobs go on."""
        _end(self._pid("slurmctld"))

    def lose_node(self) -> None:
        """Simulate a power cut: kill slurmd and every process of a job."""
        pids = [self._pid("slurmd"), *self.steps()]
        for pid in pids:
            for each in [pid, *_below(pid)]:
                _signal(each, signal.SIGKILL)

    def steps(self) -> list[int]:
        """The process ids of slurmstepd, which supervises the steps of a job, for this cluster's jobs only."""
        jobs = said("squeue", "-h", "-t", "running", "-o", "%A").split()
        return [int(pid) for job in jobs for pid in said("pgrep", "-f", rf"^slurmstepd: \[{job}\.").split()]

    def stop(self) -> None:
        """Cancel jobs, stop the daemons and remove the links.

        A Snakemake inside a job can hang when it is interrupted while it ends; without cgroups, SLURM loses track of
        it, so it is killed here.
        """
        subprocess.run(["scancel", "--user=root"], capture_output=True)
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: not said("squeue", "-h", "-t", "running,completing"), "jobs to end", seconds=30)
        for name in ("slurmd", "slurmctld"):
            _end(self._pid(name))
        _end(self.munged)
        for pid in self._strays():
            _signal(pid, signal.SIGKILL)
        _unlink()

    def _strays(self) -> list[int]:
        """The process ids of this cluster's jobs."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if f"SLURM_CLUSTER_NAME={self.name}".encode() in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
        return found

    def _pid(self, name: str) -> int | None:
        path = self.folder / "run" / f"{name}.pid"
        return int(path.read_text()) if path.is_file() and path.read_text().strip() else None


def said(*command: str) -> str:
    """The output of a command, empty if it failed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else ""


def wait_for(met: Callable[[], object], what: str, *, seconds: float = 300) -> None:
    """Wait until a condition is met.

    Raises:
        TimeoutError: if it isn't met in time.
    """
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _below(pid: int | None) -> list[int]:
    children = [int(each) for each in said("pgrep", "-P", str(pid)).split()]
    return [found for child in children for found in (child, *_below(child))]


def _signal(pid: int | None, number: int) -> bool:
    try:
        os.kill(pid or 0, number) if pid else None
    except ProcessLookupError:
        return False
    return pid is not None


def _end(pid: int | None, *, seconds: float = 20) -> None:
    if _signal(pid, signal.SIGTERM):
        wait_for(lambda: not _signal(pid, 0), f"process {pid} to end", seconds=seconds)
