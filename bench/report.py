"""Owns what is shown of the results: tables on the terminal and in Markdown, with the plots."""

import os
import platform
import time

import measurements
import plots
import targets
from results import Results


def table(results):
    """Lines of a Markdown table: a row a peer and place, a column a unit: median (spread)."""
    units = results.units()
    yield "| " + " | ".join(["", *units]) + " |"
    yield "|---" * (len(units) + 1) + "|"
    for at in results.places():
        for peer in results.peers():
            if any(results.median(peer, at, unit) is not None for unit in units):
                cells = [cell(results, peer, at, unit) for unit in units]
                yield "| " + " | ".join([f"{peer} {at}".strip(), *cells]) + " |"


def cell(results, peer, at, unit):
    value = results.median(peer, at, unit)
    if value is None:
        return ""
    low, high = results.spread(peer, at, unit)
    return f"{number(value)} ({number(low)} to {number(high)})"


def number(value):
    """Three digits that mean something, and no exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def show(folder, name):
    print(f"\n## {name}\n")
    print("\n".join(table(Results.load(folder, name))), flush=True)


def show_targets(folder):
    print("\n## What must hold\n")
    print("\n".join(targets.table(folder)), flush=True)


def write(folder):
    """All that is known, from this run and from earlier ones."""
    when = time.strftime("%Y-%m-%d")
    text = ["# kith beside its peers", "",
            f"{when}, {platform.system()} {platform.machine()}, {os.cpu_count()} processors; "
            "median (lowest to highest).", "",
            "## What must hold", "", *targets.table(folder), ""]
    for name in measurements.ALL:
        results = Results.load(folder, name)
        if results.samples:
            text += [f"## {name}", "", *table(results), ""]
    for name, title in plots.draw(folder):
        text += [f"![{title}]({name}.svg)", ""]
    with open(os.path.join(folder, "report.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(text))
