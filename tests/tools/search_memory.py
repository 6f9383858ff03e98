#!/usr/bin/env python3
"""Looks for bytes in the memory of a process: search_memory.py PID HEX [FLAG...] prints how often
they are there, in mappings that have all of these flags (VmFlags of proc(5))."""

import sys


NOT_MEMORY = ("[vvar]", "[vsyscall]", "[vvar_vclock]")


def mappings(pid):
    """Start, end and flags of each mapping that can be read."""
    with open(f"/proc/{pid}/smaps") as lines:
        span = None
        for line in lines:
            words = line.split()
            if words[0] == "VmFlags:" and span:
                yield (*span, set(words[1:]))
            elif not words[0].endswith(":"):
                readable = words[1].startswith("r") and words[-1] not in NOT_MEMORY
                span = [int(side, 16) for side in words[0].split("-")] if readable else None


def occurrences(pid, wanted, flags):
    found = 0
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end, present in mappings(pid):
            if not flags <= present:
                continue
            memory.seek(start)
            try:
                found += memory.read(end - start).count(wanted)
            except OSError:
                continue  # a page that cannot be read holds nothing for anybody
    return found


print(occurrences(sys.argv[1], bytes.fromhex(sys.argv[2]), set(sys.argv[3:])))
