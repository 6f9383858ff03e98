"""Faults, each at every place: runs kith again and again, each time with one call failing that the
last run has not had failing yet.

usage: faults.py LIBRARY [--most N] [--seconds N] [--seed N] [--jobs N] [--only PATTERN] [SCENARIO...]

LIBRARY is tests/tools/faults.c. Run in a directory with the folders alice and bob in it; each job
has a copy. --only takes faults that, written as they are shown, have this in them. What goes wrong is
shown, and the status is 1 then."""

import argparse
import multiprocessing
import multiprocessing.util
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import fault_table
import fault_scenarios
import kith
from fault_run import Fault, Run

_library, _end = None, None


def _leave(*_):
    kith.end_all()
    os._exit(143)


def begin_job(library, source, end):
    """A worker has a directory of its own, and leaves nobody behind."""
    global _library, _end
    _library, _end = library, end
    signal.signal(signal.SIGTERM, _leave)
    multiprocessing.util.Finalize(None, kith.end_all, exitpriority=10)
    folder = tempfile.mkdtemp(dir=source)
    for who in ("alice", "bob"):
        shutil.copytree(os.path.join(source, who), os.path.join(folder, who))
    os.chdir(folder)


def run_one(job):
    """Run a scenario with a fault: what came of it; None once the time is over."""
    name, fault, expected = job
    if time.monotonic() > _end:
        return None
    run = Run(_library, fault, expected)
    begun = time.monotonic()
    try:
        fault_scenarios.SCENARIOS[name](run)
    except (Exception, SystemExit):  # whatever it is, the others go on
        run.problems.append(traceback.format_exc())
    with open(run.log, encoding="utf-8", errors="replace") as log:
        said = log.read()
    board = run.board
    return {
        "name": name, "fault": fault, "problems": run.problems, "status": run.status, "said": said,
        "seconds": time.monotonic() - begun, "measured": run.measured,
        "hits": board.hits if board else 0,
        "place": place(board.at) if board and run.problems else "??",
        "counts": board.counts if board else {},
    }


def faults_of(name, counts):
    """All that can become of the calls that were counted in this scenario."""
    for (role, call), count in sorted(counts.items()):
        if name in fault_scenarios.KILLED:
            yield from (Fault(role, call, nth, "kill") for nth in range(1, count + 1)
                        if call in fault_table.SEEN)
            continue
        for word in fault_table.CALLS.get(call, "").split():
            for nth in range(1, count + 1):
                yield Fault(role, call, nth, word)
        for word in fault_table.LASTING.get(call, "").split():
            for nth in range(1, count + 1):
                yield Fault(role, call, nth, word, lasting=True)


def spread(jobs, most, seed):
    """So many of them: of each scenario, role, call and word one before any has two."""
    draw = random.Random(seed)
    draw.shuffle(jobs)
    kinds = {}
    for job in jobs:
        name, fault, _ = job
        kinds.setdefault((name, fault.role, fault.call, fault.word, fault.lasting), []).append(job)
    rows = list(kinds.values())
    draw.shuffle(rows)
    chosen = []
    while rows and len(chosen) < most:
        chosen += [row.pop() for row in rows]
        rows = [row for row in rows if row]
    return chosen[:most]


def place(at):
    """The function of ours that made the call, or ??."""
    if not at:
        return "??"
    found = subprocess.run(["addr2line", "-f", "-e", kith.KITH, hex(at)], check=False,
                           capture_output=True, text=True)
    return found.stdout.split()[0] if found.stdout else "??"


def show(outcome):
    """What went wrong in a run."""
    print(f"{outcome['name']}: {outcome['fault']} in {outcome['place']}: "
          f"status {outcome['status']}, {outcome['seconds']:.1f} s")
    for problem in outcome["problems"]:
        print("    " + problem.rstrip().replace("\n", "\n    "))
    for line in outcome["said"].splitlines()[-5:]:
        print("    > " + line)
    sys.stdout.flush()


def arguments():
    """What we are told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--most", type=int, default=sys.maxsize)
    parser.add_argument("--seconds", type=float, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000000))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="")
    return parser.parse_intermixed_args()


def plan(pool, options):
    """Every scenario without a fault first, and then what can fail in it."""
    names = options.scenarios or list(fault_scenarios.SCENARIOS)
    jobs, bad = [], 0
    for outcome in pool.imap_unordered(run_one, [(name, Fault(), {}) for name in names]):
        if outcome["problems"] or outcome["status"] != 0:
            outcome["problems"].append("and this was without a fault")
            show(outcome)
            bad += 1
            continue
        jobs += [(outcome["name"], fault, outcome["measured"])
                 for fault in faults_of(outcome["name"], outcome["counts"])
                 if re.search(options.only, str(fault))]
    return jobs, bad


def main():
    """Plan, run, and say how it went."""
    options = arguments()
    end = time.monotonic() + options.seconds
    source = os.getcwd()
    with multiprocessing.Pool(options.jobs, begin_job,
                              (os.path.abspath(options.library), source, end)) as pool:
        jobs, bad = plan(pool, options)
        chosen = spread(jobs, options.most, options.seed)
        print(f"seed {options.seed}: {len(chosen)} of {len(jobs)} faults", flush=True)
        ran = hit = 0
        for outcome in pool.imap_unordered(run_one, chosen):
            if outcome is None:
                continue
            ran += 1
            hit += outcome["hits"] > 0
            fault = outcome["fault"]
            if outcome["problems"] and fault_table.is_possible(fault.call, fault.word,
                                                               outcome["place"]):
                bad += 1
                show(outcome)
        pool.close()
        pool.join()
    print(f"{ran} runs of {len(jobs)} possible, {hit} faults came about, {bad} went wrong")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
