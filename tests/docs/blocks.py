"""The blocks of a page, and what its comments say of them.

Before a block a comment may say ``not run: WHY``, ``file: NAME`` (it is written to that file instead of being run) or
``exits with N``. A comment ``run: sh`` (``python``, ``sql``) holds a block that the page does not show. The comment
``tier: full`` anywhere leaves a page to ``make test-full``.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RUN = ("python", "sh", "sql")
"""The languages of what is run."""
SHOWN = ("ini", "json", "text", "toml", "yaml")
"""The languages of what is only shown: what a file holds, and what a program prints."""
_PART = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w+-]*)[^\n]*\n(?P<code>.*?)^(?P=indent)```[ ]*$"
    r"|^ *<!--\s*(?P<comment>.*?)\s*-->",
    re.MULTILINE | re.DOTALL,
)
_SAYS = re.compile(r"(?P<what>not run: |file: |exits with )(?P<how>\S.*)", re.DOTALL)
_HIDDEN = re.compile(r"run: (?P<language>\w+)\n(?P<code>.*)", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One block of a page."""

    line: int
    """Where its first line stands."""
    language: str
    code: str
    why_not: str = ""
    """Why it is not run."""
    file: str = ""
    """The file that it is."""
    code_of_exit: int = 0
    """What its last command ends with."""

    @property
    def is_run(self) -> bool:
        return self.language in RUN and not self.why_not and not self.file


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page, in order."""
    said: dict[str, str] = {}
    end = 0
    for part in _PART.finditer(text):
        if text[end : part.start()].strip():  # a comment is about the block right behind it
            said = {}
        end = part.end()
        if part["comment"] is None:
            yield Block(
                text.count("\n", 0, part.start()) + 2,
                part["language"],
                textwrap.dedent(part["code"]),
                said.get("not run: ", ""),
                said.get("file: ", ""),
                int(said.get("exits with ", "0")),
            )
            said = {}
        elif hidden := _HIDDEN.match(part["comment"]):
            code = textwrap.dedent(hidden["code"]) + "\n"
            yield Block(text.count("\n", 0, part.start("comment")) + 2, hidden["language"], code)
        elif says := _SAYS.fullmatch(part["comment"]):
            said[says["what"]] = says["how"]


def is_full(page: Path) -> bool:
    """Whether the page takes more than a test of the default tier may."""
    return bool(re.search(r"^<!-- tier: full -->$", page.read_text("utf-8"), re.MULTILINE))
