"""Where a case takes place: sandboxes that are as good as new, an empty folder, and the command as a user runs it."""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest

from listrak_source import settings
from listrak_source.api import ListrakClient
from listrak_source.cli.errors import Exit
from listrak_source.cli.main import main
from listrak_source.push.apply import import_jobs
from listrak_source.sandbox import Sandbox, World
from tests.chaos.case import Verdict

TIMELY = 45.0
"""Seconds after which a command counts as hung. A request has one second, and is tried three times."""
PATIENCE = {"first_wait": 0.001, "max_wait": 0.01, "max_rate_limited_seconds": 0.05}
"""Nobody waits between attempts: what is tried is what comes of them."""
SETTINGS = {"TIMEOUT": "1", "MAX_REQUEST_SECONDS": "2", "MAX_ATTEMPTS": "3", "MAX_ANSWER_BYTES": "20000000"}


_SENTENCES = ("listrak: ", "Listrak did not let ", "None of these is marked. If that is right: ")
"""One of these is in what a command says that ends with another exit code than 0."""
_NO_SENTENCE = re.compile(r"^listrak: \w+(Error|Exception): ", re.MULTILINE)
"""How the command tells an error that it has no sentence for."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    text: str
    """All that it has written."""
    seconds: float


class Ground:
    """What one worker has for its cases, one after another."""

    def __init__(self) -> None:
        self._sandboxes: dict[tuple[int, ...], Sandbox] = {}
        self._first = Path(tempfile.mkdtemp(prefix="chaos-first-"))
        self.folder = Path()
        self.patched = pytest.MonkeyPatch()
        quick: Callable[..., ListrakClient] = partial(ListrakClient, **PATIENCE)  # type: ignore[arg-type]
        vars(settings)["ListrakClient"] = quick
        vars(import_jobs)["PAUSE"] = 0.02

    def close(self) -> None:
        """Stop what runs, and leave nothing behind."""
        for sandbox in self._sandboxes.values():
            sandbox.stop()
        shutil.rmtree(self._first, ignore_errors=True)

    @contextmanager
    def case(self) -> Iterator[None]:
        """An empty folder, which is the current one, for as long as a case lasts."""
        before = Path.cwd()
        self.folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        self.patched = pytest.MonkeyPatch()
        self.patched.chdir(self.folder)
        self.patched.setenv("DLT_DATA_DIR", str(self.folder / "dlt"))
        self.patched.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        self.patched.setenv("COLUMNS", "200")
        try:
            yield
        finally:
            self.patched.undo()
            os.chdir(before)
            shutil.rmtree(self.folder, ignore_errors=True)

    def sandbox(self, contacts: int = 30, sender_codes: int = 2, lists: int = 2) -> Sandbox:
        """A sandbox at its first moment, and the settings that reach it in the environment."""
        size = contacts, sender_codes, lists
        if size not in self._sandboxes:
            world = World(seed=3, contacts=contacts, sender_codes=sender_codes, lists=lists)
            self._sandboxes[size] = Sandbox(world, import_seconds=0.01)
            self._sandboxes[size].start()
        sandbox = self._sandboxes[size]
        sandbox.service.reset()
        sandbox.traffic.__dict__.pop("note", None)
        for name in ("client_id", "client_secret", "base_url", "token_url"):
            self.patched.setenv(f"SOURCES__LISTRAK__{name.upper()}", getattr(sandbox, name))
        for name, value in SETTINGS.items():
            self.patched.setenv(f"SOURCES__LISTRAK__{name}", value)
        return sandbox

    def pulled(self, sandbox: Sandbox) -> None:
        """The warehouse after a first pull that nothing happened to; the scratch folder is gone."""
        key = self._first / f"{sandbox.base_url.rpartition(':')[2].partition('/')[0]}.duckdb"
        if not key.exists():
            ended = self.listrak("pull")
            assert ended.code == Exit.DONE, ended.text
            shutil.copy(self.folder / "listrak.duckdb", key)
            shutil.rmtree(self.folder / "dlt", ignore_errors=True)
        shutil.copy(key, self.folder / "listrak.duckdb")
        sandbox.traffic.clear()

    def listrak(self, *arguments: str) -> Ended:
        """Run the command in this process."""
        logging.getLogger("dlt").setLevel(os.environ.get("RUNTIME__LOG_LEVEL", "CRITICAL"))
        written, code, began = io.StringIO(), 0, time.monotonic()
        database = self.folder / "listrak.duckdb"
        # A file that is open already is opened anew in a tenth of a millisecond, and else in fifteen.
        opened = duckdb.connect(str(database)) if database.exists() else nullcontext()
        with opened, redirect_stdout(written), redirect_stderr(written):
            self.patched.setattr(sys, "argv", ["listrak", *arguments])
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(bool(end.code))
            except BaseException:  # noqa: BLE001 - a traceback is what is looked for
                written.write(traceback.format_exc())
                code = 1
        return Ended(code, written.getvalue(), time.monotonic() - began)


def look_at(verdict: Verdict, ended: Ended, sandbox: Sandbox, *, also: str = "") -> None:
    """What no command may write, however it ended."""
    text = ended.text + also
    if "Traceback (most recent call last)" in ended.text or ended.code not in {int(code) for code in Exit}:
        verdict.find("tracebacks", ended.text[-1500:])
    elif _NO_SENTENCE.search(ended.text):
        verdict.find("tracebacks", f"an error that is no sentence: {ended.text[-600:]}")
    elif ended.code and not any(said in ended.text for said in _SENTENCES):
        verdict.find("tracebacks", f"exit code {ended.code} without a sentence: {ended.text[-300:]}")
    if ended.seconds > TIMELY:
        verdict.find("hung", f"{ended.seconds:.0f} s")
    verdict.find("leaked", found := leaks(text, sandbox), len(found))


def leaks(text: str, sandbox: Sandbox) -> list[str]:
    """Secrets, tokens and whole phone numbers in a text."""
    issued = range(1, sandbox.service.tokens.issued + 1)
    tokens = [sha256(f"{sandbox.client_id} {number}".encode()).hexdigest() for number in issued]
    found = [secret for secret in (sandbox.client_secret, *tokens) if secret in text]
    people = {str(phone)[-10:] for phone in sandbox.world.people}
    return found + [digits for digits in re.findall(r"\d{10,}", text) if digits[-10:] in people]


def written_beside(folder: Path) -> str:
    """What lies in dlt's working folder, but for the rows on their way: logs and traces."""
    texts = []
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".log", ".json", ".pickle") and "load" not in path.parts:
            with suppress(OSError):
                texts.append(path.read_bytes().decode("utf-8", "replace"))
    return "\n".join(texts)
