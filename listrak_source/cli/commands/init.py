"""The command ``listrak init``: a project's first files, from the templates in the wheel."""

from __future__ import annotations

import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import tomlkit
import typer
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from listrak_source.api import ConfigurationError
from listrak_source.cli.options import example
from listrak_source.cli.output.console import out

app: typer.Typer = typer.Typer(add_completion=False)

SECRETS = Path(".dlt/secrets.toml")
_TEMPLATES = files("listrak_source.cli") / "templates"
_SECOND_PART = re.compile(r"^# \.dlt/secrets\.toml$", re.MULTILINE)
"""What divides a destination's template: settings before it, secrets after it."""
_IGNORED = """# data and secrets stay on this machine
*.duckdb
*.duckdb.*
.dlt/secrets.toml
"""
_EXTRA = re.compile(r"pip install \"listrak-source\[[\w,]+\]\"")


@app.command(epilog=example("listrak init", "listrak init --destination postgres"))
def init(
    destination: Annotated[str, typer.Option("--destination", "-d", help="Where the data is to go.")] = "duckdb",
) -> None:
    """Write a project's first files here: .dlt/config.toml, .dlt/secrets.toml, listrak_push.toml. Overwrite none."""
    made, kept, lacking = begin(Path(), destination)
    where = "" if destination == "duckdb" else f", and what .dlt/config.toml and it ask for of {destination}"
    for sentence in (
        f"Wrote {', '.join(map(str, made))}." if made else "",
        f"Kept {', '.join(map(str, kept))}: there already." if kept else "",
        *lacking,
        f"Install what it needs: {install}" if (install := to_install(destination)) else "",
        f"Put the integration's id and secret into {SECRETS}{where}; then: listrak pull -d {destination}",
    ):
        if sentence:
            out.print(sentence, highlight=False, markup=False)


def destinations() -> list[str]:
    """The destinations that there is a template for."""
    return sorted(Path(one.name).stem for one in (_TEMPLATES / "destinations").iterdir())


def begin(folder: Path, destination: str) -> tuple[list[Path], list[Path], list[str]]:
    """Write the files into ``folder``.

    Returns those that were made, those that were there and stay as they are, and what is to be added to these for the
    destination.

    Raises :class:`ConfigurationError` for a destination without a template, and where nothing can be written.
    """
    config, secrets = _parts(destination)
    parts = {Path(".dlt/config.toml"): config, SECRETS: secrets}
    texts = {
        Path(".dlt/config.toml"): _together(_template("config.toml"), config),
        SECRETS: _together(_template("secrets.toml"), secrets),
        Path(".dlt/.gitignore"): "secrets.toml\n",
        Path(".gitignore"): _IGNORED,
        Path("listrak_push.toml"): _template("listrak_push.toml"),
    }
    made: list[Path] = []
    kept: list[Path] = []
    for path, text in texts.items():
        try:
            (kept, made)[_write(folder / path, text)].append(path)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written ({error.strerror})") from error
    lacking = [path for path in kept if path in parts and _lacks(folder / path, destination, parts[path])]
    return made, kept, [f"Add to {path}:\n\n{parts[path].strip()}\n" for path in lacking]


def _write(path: Path, text: str) -> bool:
    """Write a file that is not there yet; tell whether it was not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Exclusively: what is there is somebody's work, and a link may lead anywhere.
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if not path.is_file():
            raise
        return False
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def _lacks(path: Path, destination: str, part: str) -> bool:
    """Whether a file that was there says nothing of a destination, though its template does."""
    if not tomlkit.parse(part).unwrap().get("destination"):
        return False
    try:
        return destination not in tomlkit.parse(path.read_text(encoding="utf-8")).unwrap().get("destination", {})
    except (OSError, UnicodeDecodeError, TOMLKitError):
        return True


def to_install(destination: str) -> str | None:
    """The command that installs what the destination needs; None where it needs nothing more."""
    found = _EXTRA.search(_template(f"destinations/{destination}.toml"))
    return found[0] if found else None


def _parts(destination: str) -> tuple[str, str]:
    if destination not in (known := destinations()):
        raise ConfigurationError(f"there is no template for {destination!r}; there are {', '.join(known)}")
    config, secrets = _SECOND_PART.split(_template(f"destinations/{destination}.toml"))
    return config, secrets


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _together(ours: str, more: str) -> str:
    """Two TOML documents as one."""
    document = tomlkit.parse(ours)
    _add(document, tomlkit.parse(more))
    return tomlkit.dumps(document)


def _add(into: Any, part: Any) -> None:
    for name, item in part.items():
        if name in into and isinstance(item, Table):
            _add(into[name], item)
        else:
            into[name] = item
