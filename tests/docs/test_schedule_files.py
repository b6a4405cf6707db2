"""Files for schedulers: each is read by a tool of its own, and the page shows them as they are."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from listrak_source.cli.errors import Exit
from tests.cli.conftest import Listrak, listrak

__all__ = ["listrak"]

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / "pipelines"
CRONJOBS = list(yaml.safe_load_all((PIPELINES / "kubernetes" / "cronjobs.yaml").read_text(encoding="utf-8")))
_SHOWN = re.compile(r"<!-- as in: (?P<file>\S+) -->\n```\w+\n(?P<text>.*?)```", re.DOTALL)


def test_the_page_shows_the_files() -> None:
    page = (ROOT / "docs" / "how-to" / "schedule.md").read_text(encoding="utf-8")
    shown = {found["file"]: found["text"] for found in _SHOWN.finditer(page)}
    assert len(shown) == 3
    for file, text in shown.items():
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines(keepends=True)
        assert text == "".join(line for line in lines if file.endswith(("service", "timer")) or line[0] != "#"), file


def test_hadolint_finds_nothing_in_the_containerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run(
        [hadolint, PIPELINES / "container" / "Containerfile"], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize("cronjob", CRONJOBS, ids=lambda one: one["metadata"]["name"])
def test_kubernetes_takes_the_cronjobs(cronjob: dict[str, object]) -> None:
    kubernetes_validate.validate(cronjob, "1.32", strict=True)
    text = yaml.safe_dump(cronjob)
    for must in ("runAsNonRoot: true", "readOnlyRootFilesystem: true", "allowPrivilegeEscalation: false", "- ALL"):
        assert must in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is of systemd, which is not here")
def test_systemd_takes_the_units() -> None:
    units = sorted((PIPELINES / "systemd").iterdir())
    assert len(units) == 4
    found = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    told = [line for line in found.stderr.splitlines() if "/srv/sms/.venv/bin/listrak is not executable" not in line]
    assert told == []


def test_each_command_is_one(listrak: Listrak, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to where it would need a setting: no option is unknown."""
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://nobody@127.0.0.1:1/none")
    said = [
        container["args"]
        for one in CRONJOBS
        for container in one["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    ]
    for file in (*(PIPELINES / "systemd").glob("*.service"), PIPELINES / "cron" / "listrak"):
        said += [words.split() for words in re.findall(r"bin/listrak ([^>\n]+)", file.read_text(encoding="utf-8"))]
    assert len(said) == 7
    for words in said:
        code, _, err = listrak(*words)
        assert "No such option" not in err
        assert code in (Exit.WRONG_USE, Exit.TRY_AGAIN)
        assert "missing" in err or "The warehouse did not let this run go on" in err
