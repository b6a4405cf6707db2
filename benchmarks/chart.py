"""The charts of what was measured: drawn by matplotlib, in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any


def draw(results: Path) -> str:
    """Draw the charts beside ``results.json``; what was done, in a sentence."""
    from benchmarks.environments import NotInstalledError, environment

    try:
        python = environment("chart") / "python"
    except NotInstalledError as error:
        return f"No chart: {error}"
    subprocess.run([python, __file__, results], check=True)
    return f"Figures and charts are in {results}/."


def speed(cases: dict[str, Any], path: Path) -> None:
    """Seconds of a first load, contender by contender, of the largest size that all were run at."""
    from matplotlib import pyplot

    sizes = [case for name, case in cases.items() if name.startswith("first ") and len(case["timed"]) > 2]
    if not sizes:
        return
    case = max(sizes, key=lambda one: one["contacts"])
    found = [(one["name"], _median(one["runs"], "wall")) for one in case["timed"] if one["runs"]]
    found.sort(key=lambda one: -one[1])
    figure, axes = pyplot.subplots(figsize=(8, 0.42 * len(found) + 0.9))
    colours = ["#0b7285" if name == "listrak pull" else "#adb5bd" for name, _ in found]
    bars = axes.barh([name for name, _ in found], [wall for _, wall in found], color=colours)
    axes.bar_label(bars, labels=[f"{wall:.1f} s" for _, wall in found], padding=4)
    axes.set_title(f"{case['contacts']:,} contacts into DuckDB: seconds, less is better", loc="left", fontsize=11)
    _plain(axes)
    axes.set_xlim(0, max(wall for _, wall in found) * 1.12)
    axes.xaxis.set_visible(False)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def growth(cases: dict[str, Any], path: Path) -> None:
    """Wall seconds and peak memory as contacts grow."""
    from matplotlib import pyplot

    sizes = sorted(
        (case for name, case in cases.items() if name.startswith("growth ")), key=lambda one: one["contacts"]
    )
    if len(sizes) < 2:
        return
    figure, both = pyplot.subplots(1, 2, figsize=(9, 3.2))
    for axes, what, title in zip(both, ("wall", "memory"), ("seconds", "MB at the peak"), strict=True):
        for name, colour in (("listrak pull", "#0b7285"), ("no framework", "#adb5bd")):
            points = [
                (case["contacts"] / 1e6, _median(one["runs"], what))
                for case in sizes
                for one in case["timed"]
                if one["name"] == name and one["runs"]
            ]
            axes.plot(*zip(*points, strict=True), marker="o", color=colour, label=name)
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_xlabel("million contacts")
        axes.set_ylim(bottom=0)
        _plain(axes)
    both[0].legend(frameon=False)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def _plain(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _median(runs: list[dict[str, float]], what: str) -> float:
    return median(run[what] for run in runs)


if __name__ == "__main__":
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "listrak"  # the same figures give the same file
    folder = Path(sys.argv[1])
    known = json.loads((folder / "results.json").read_text())["cases"]
    speed(known, folder / "speed.svg")
    growth(known, folder / "growth.svg")
