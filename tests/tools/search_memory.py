#!/usr/bin/env python3
"""Looks for bytes in the memory of a process: search_memory.py PID HEX prints how often they are there."""

import sys


def occurrences(pid, wanted):
    found = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if not rights.startswith("r") or line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            start, end = (int(side, 16) for side in span.split("-"))
            memory.seek(start)
            try:
                found += memory.read(end - start).count(wanted)
            except OSError:
                continue  # a page that cannot be read holds nothing for anybody
    return found


print(occurrences(sys.argv[1], bytes.fromhex(sys.argv[2])))
