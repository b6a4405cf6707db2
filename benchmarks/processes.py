"""Commands in processes of their own, on a sandbox in another one: seconds and memory are then of nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import ProxyHandler, Request, build_opener

LISTRAK = [sys.executable, "-m", "listrak_source"]
"""The command ``listrak``, whatever the folder that it is run in."""

MEASURE = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
sys.exit(abs(process.returncode))
"""
"""Run a command and print its wall and CPU seconds and its peak memory in MB. This needs a small process of its own: to
Linux, the peak of a process is never below that of the one that started it."""


class Usage(NamedTuple):
    """What a command took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of processors, all of its processes together."""
    memory: float
    """MB at the peak of its largest process."""


@contextmanager
def sandbox(contacts: int, lists: int = 10, values: int = 3) -> Iterator[dict[str, str]]:
    """A sandbox in a process of its own; yields the settings that reach it."""
    shape = ["--sender-codes", "1", "--lists", str(lists), "--values", str(values), "--seed", "1", "--port", "0"]
    command = [*LISTRAK, "sandbox", "--contacts", str(contacts), *shape]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        settings: dict[str, str] = {}
        for line in process.stdout or ():
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").strip().partition("=")
                settings[name] = value
            if "Ctrl-C" in line:
                break
        try:
            yield settings
        finally:
            process.terminate()


def control(settings: Mapping[str, str], method: str, what: str, **given: Any) -> Any:
    """Ask or tell a sandbox something at its control address: its delay, its life, what it was asked."""
    address = settings["SOURCES__LISTRAK__BASE_URL"].replace("/sms/v1", f"/_sandbox/{what}")
    headers = {"Content-Type": "application/json", "X-Sandbox-Key": settings["LISTRAK_SANDBOX_KEY"]}
    request = Request(address, json.dumps(given).encode(), headers, method=method)  # noqa: S310 - loopback
    with build_opener(ProxyHandler({})).open(request, timeout=600) as answer:
        return json.load(answer)


def measure(
    command: Sequence[str], folder: Path, settings: Mapping[str, str], *, anew: bool = True, log: Path | None = None
) -> Usage:
    """Run a command in ``folder``, a new one unless it is to go on ``anew``; what it prints goes to ``log``.

    Raises :class:`RuntimeError` if the command fails, with its last words.
    """
    if anew:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SOURCES__", "DESTINATION__"))}
    quiet = {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "DLT_DATA_DIR": str(folder / "dlt"),
        "DO_NOT_TRACK": "1",
    }
    log = log or folder / "output.txt"
    with log.open("w") as output:
        process = subprocess.run(
            [sys.executable, "-c", MEASURE, *map(str, command)],
            cwd=folder,
            env=plain | quiet | dict(settings),
            stdout=subprocess.PIPE,
            stderr=output,
            check=False,
        )
    if process.returncode:
        said = log.read_text().strip().splitlines() or ["it said nothing"]
        errors = [line for line in said if re.match(r"[\w.]*(Error|Exception)\b", line)] or said
        raise RuntimeError(f"failed with exit code {process.returncode}: {errors[-1][:200]}")
    return Usage(*map(float, process.stdout.split()))
