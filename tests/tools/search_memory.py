#!/usr/bin/env python3
"""Looks for bytes in the memory of a process: search_memory.py PID HEX [FLAG...] prints how often
they are there, in mappings that have all of these flags (VmFlags of proc(5))."""

import re
import sys


EMPTY = re.compile(b"\0{1024,}")
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


def contents(pid, flags=frozenset()):
    """The bytes of each mapping that has these flags, with what is empty made short."""
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end, present in mappings(pid):
            if not flags <= present:
                continue
            memory.seek(start)
            try:
                yield EMPTY.sub(b"\0", memory.read(end - start))
            except OSError:
                continue  # a page that cannot be read holds nothing for anybody


def occurrences(pid, wanted, flags=frozenset()):
    return sum(part.count(wanted) for part in contents(pid, flags))


if __name__ == "__main__":
    print(occurrences(sys.argv[1], bytes.fromhex(sys.argv[2]), set(sys.argv[3:])))
