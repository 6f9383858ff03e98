"""Owns the plots: what gnuplot is told for each of them."""

import os
import subprocess

from results import Results

STYLE = """set terminal svg size 900,500 font 'sans,13' background 'white'
set grid ytics lc rgb '#dddddd'
set border 3
set tics nomirror
set yrange [0:*]
set rmargin 9
"""
KITH_COLOUR, OTHER_COLOUR = "#c02020", "#7090b0"


def bars(results, at, unit):
    """A bar a peer, with its spread, for one place and unit."""
    rows = []
    for number, peer in enumerate(peer for peer in results.peers()
                                  if results.median(peer, at, unit) is not None):
        low, high = results.spread(peer, at, unit)
        colour = KITH_COLOUR if peer == "kith" else OTHER_COLOUR
        rows.append(f'{number} {results.median(peer, at, unit)} {low} {high} "{peer}" '
                    f'{int(colour[1:], 16)}')
    return "\n".join([
        "$bars << end", *rows, "end",
        "set boxwidth 0.7; set style fill solid; unset key",
        "set xtics rotate by -30",
        f"set ylabel '{unit}'",
        "plot $bars using 1:2:6:xtic(5) with boxes lc rgb variable, \\",
        "     $bars using 1:2:3:4 with yerrorbars lc rgb '#333333' pt 0",
    ])


def lines(results, unit, of_place, label, scale):
    """A line a peer; of_place makes a number of a place, or None for one that is not on it."""
    places = [(of_place(at), at) for at in results.places() if of_place(at) is not None]
    blocks, curves = [], []
    for number, peer in enumerate(results.peers()):
        rows = []
        for x, at in sorted(places):
            if results.median(peer, at, unit) is not None:
                low, high = results.spread(peer, at, unit)
                rows.append(f"{x} {results.median(peer, at, unit)} {low} {high}")
        if rows:
            blocks += [f"$line{number} << end", *rows, "end"]
            style = f"lc rgb '{KITH_COLOUR}' lw 3" if peer == "kith" else "lw 1.5"
            curves.append(f"$line{number} using 1:2:3:4 with yerrorlines {style} title '{peer}'")
    return "\n".join([*blocks, scale, "set key outside", f"set xlabel '{label}'",
                      f"set ylabel '{unit}'", "plot " + ", \\\n     ".join(curves)])


def streams(direction):
    """The number of streams in a place such as "upload, 4", if it is of this direction."""
    def of_place(at):
        this, _, count = at.partition(", ")
        return int(count) if this == direction else None

    return of_place


def scripts(folder):
    """(name, title, script) of each plot."""
    def load(name):
        return Results.load(folder, name)

    for unit, name in (("GB/s", "pipe"), ("CPU s/GB", "pipe-cpu")):
        yield name, "One-way pipe", bars(load("pipe"), "", unit)
    yield "pipe-both-ways", "Two-way pipe", bars(load("pipe-both-ways"), "", "GB/s")
    yield "first-byte", "One byte through a one-shot pipe", \
        "set logscale y; set yrange [1:*]\n" + bars(load("first-byte"), "", "ms")
    for direction in ("upload", "download"):
        yield f"forward-{direction}", f"Streams through a pair of forwarders, {direction}", \
            lines(load("forward"), "GB/s", streams(direction), "streams",
                  "set logscale x 2; set xrange [0.8:20]")
    yield "latency", "Round trip of 64 bytes beside idle connections (0 is drawn at 10)", \
        lines(load("latency"), "median us", lambda at: int(at) or 10, "idle connections",
              "set logscale xy; set yrange [10:*]; set xrange [8:12000]")
    for clients in ("1", "16"):
        yield f"connections-{clients}", f"Connections a second, {clients} at a time", \
            "set logscale y; set yrange [10:*]\n" + \
            bars(load("connections"), clients, "connections/s")
    for kind in ("idle", "busy"):
        yield f"memory-{kind}", f"Memory of one {kind} connection, both ends", \
            "set logscale y; set yrange [1:*]\n" + bars(load("memory"), kind, "KiB")
    yield "frame-size", "One-way pipe by the size of a message", \
        lines(load("frame-size"), "GB/s", lambda at: int(at[:-1]), "KiB in a message",
              "set logscale x 2")


def draw(folder):
    """The names of those that could be drawn."""
    drawn = []
    for name, title, script in scripts(folder):
        path = os.path.join(folder, f"{name}.svg")
        whole = f"{STYLE}set output '{path}'\nset title '{title}'\n{script}\n"
        try:
            good = subprocess.run(["gnuplot"], input=whole, text=True, capture_output=True,
                                  check=False).returncode == 0
        except FileNotFoundError:
            return drawn
        if good:
            drawn.append((name, title))
        elif os.path.exists(path):
            os.remove(path)  # nothing was measured that is in it
    return drawn
