"""forward --run at a terminal: its program gets a ^C once, and decides what that means.

usage: run_terminal.py FOLDER PEER"""

import os
import pty
import sys
import time

import kith

PROGRAM = """
count() { echo interrupted; n=$((n + 1)); }
trap count INT
echo up
until [ "$n" ]; do sleep 0.05; done
sleep 0.3
read -r line
echo "read $line, $n"
exit 4
"""


def await_text(master, text, seen):
    """Read until that is there."""
    end = time.monotonic() + kith.LIMIT
    while text not in seen:
        if time.monotonic() > end:
            sys.exit(f"no {text!r} in {seen!r}")
        seen += os.read(master, 4096)
    return seen


pid, master = pty.fork()
if pid == 0:
    os.environ["KITH_DIR"] = sys.argv[1]
    os.execvp(kith.KITH, [kith.KITH, "forward", "-q", "0", sys.argv[2], "--run", "bash", "-c", PROGRAM])
seen = await_text(master, b"up", b"")
os.write(master, b"\x03")
seen = await_text(master, b"interrupted", seen)
os.write(master, b"word\n")
seen = await_text(master, b"read word, 1", seen)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
if status != 4:
    sys.exit(f"ended with {status}")
