"""Run stages in forked processes: torch is imported once, and each job is still a process that a signal can end.

Run as a program, this file is the process that forks: each line of JSON on its standard input starts a job or waits
for one.
"""

import importlib
import itertools
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

STAGES = ("analyse", "draw", "judge", "prepare", "report", "represent", "summarise", "track", "train", "tune")
MEMBERS = (
    "analyses.learning",
    "analyses.similarity",
    "datasets.digits",
    "datasets.mnist",
    "datasets.xor",
    "estimators.backprop",
    "estimators.linear_sg",
    "figures.learning_curves",
    "measures.cka",
)
HEAVY = (
    "pages.report",
    "runs.build",
    "runs.extract",
    "runs.session",
    "runs.tuning",
    "verdicts.judge",
)  # imported when called
FILE_EVENTS = ("tempfile.mkstemp", "os.chmod", "os.rename", "os.remove")
NOBODY = 65534


class Forks:
    """The tests' handle on the process that forks."""

    def __init__(self, place, environment):
        """Start it in a folder."""
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=place,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _ask(self, **wanted):
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, place, stage, *words, **how):
        """Start a stage in a folder and return its process id, which is not used again before `wait`.

        `variables` are environment variables; `die`, [n, signal], sends the signal at the n-th operation on a file;
        `memory` is how many more bytes the stage may allocate; `nobody` gives up root's permissions.
        """
        return self._ask(place=str(place), stage=stage, words=words, **how)

    def wait(self, pid):
        """The exit code, negative for a signal's number."""
        return self._ask(wait=pid)

    def run(self, place, stage, *words, **how):
        """The exit code and the output of a whole stage."""
        log = Path(place, "said.txt")
        before = log.stat().st_size if log.exists() else 0
        code = self.wait(self.start(place, stage, *words, **how))
        said = log.read_bytes()[before:].decode()
        assert code < 0 or "Traceback" not in said, said  # a traceback is for bugs, and for a signal
        return code, said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()


def serve():
    """Fork once per job until the input ends; in a fork, returns the job."""
    for line in sys.stdin:
        wanted = json.loads(line)
        if "wait" in wanted:
            answer = os.waitstatus_to_exitcode(os.waitpid(wanted["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                return wanted
        print(json.dumps(answer), flush=True)
    return None


def become(wanted):
    """Run a job as if this process were started for it."""
    os.chdir(wanted["place"])
    os.environ |= wanted.get("variables", {})
    log = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for source, stream in ((os.open(os.devnull, os.O_RDONLY), 0), (log, 1), (log, 2)):
        os.dup2(source, stream)
    if "memory" in wanted:
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + wanted["memory"],) * 2)
    if wanted.get("nobody") and os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    if "die" in wanted:
        _die(*wanted["die"])
    from pipeline import __main__ as commands

    commands.main([wanted["stage"], *wanted["words"]])
    sys.stdout.flush()
    os._exit(0)  # a normal exit with all these imports takes longer than many jobs; errors end as usual


def _die(count, number):
    """Send this process a signal just before its `count`-th operation on a file that it writes."""
    numbers = itertools.count(1)

    def hook(event, arguments):
        ours = event in FILE_EVENTS or (event == "open" and ".partial" in str(arguments[0]))
        if ours and next(numbers) == count:
            os.kill(os.getpid(), number)

    sys.addaudithook(hook)


def prepare():
    """Import what the jobs need and fingerprint the code, without computing anything: that would start threads."""
    for name in (*(f"stages.{stage}" for stage in STAGES), *HEAVY, *MEMBERS):
        importlib.import_module(f"pipeline.{name}")
    from pipeline.results import provenance
    from pipeline.study.plan import Plan

    plan = Plan.load("small")
    for job in plan.jobs():
        assert job.code
    for known in (provenance.versions, provenance.hardware, provenance.commit):
        known()


if __name__ == "__main__":
    prepare()
    if (found := serve()) is not None:
        become(found)
