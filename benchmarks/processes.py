"""The command in processes of its own, on a sandbox in another one: seconds and memory are then of nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LISTRAK = [sys.executable, "-m", "pipelines.console"]
"""The command ``listrak``, whatever the folder that it is run in."""

MEASURE = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(time.perf_counter() - started, usage.ru_maxrss / 1024)
sys.exit(abs(process.returncode))
"""
"""Run a command and print its wall seconds and peak memory in MB. This needs a small process of its own: to Linux, the
peak of a process is never below that of the one that started it."""


@contextmanager
def sandbox(contacts: int) -> Iterator[dict[str, str]]:
    """A sandbox in a process of its own; yields the settings that reach it."""
    shape = ["--sender-codes", "1", "--lists", "10", "--values", "3", "--seed", "1", "--port", "0"]
    command = [*LISTRAK, "sandbox", "--contacts", str(contacts), *shape]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
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


def run(command: list[str], folder: Path, settings: dict[str, str]) -> tuple[float, float]:
    """Run a command in a new ``folder``; its wall seconds and its peak memory in MB."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return run_again(command, folder, settings)


def run_again(command: list[str], folder: Path, settings: dict[str, str]) -> tuple[float, float]:
    """The same in a ``folder`` as it is. Raises :class:`RuntimeError` if the command fails."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SOURCES__", "DESTINATION__"))}
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR", "DLT_DATA_DIR": str(folder / "dlt")}
    measured = [sys.executable, "-c", MEASURE, *command]
    process = subprocess.run(measured, cwd=folder, env=plain | quiet | settings, stdout=subprocess.PIPE, check=False)  # noqa: S603
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed with exit code {process.returncode}")
    seconds, memory = process.stdout.split()
    return float(seconds), float(memory)
