"""forward --run at a terminal: its program gets a ^C once, and decides what that means.

usage: run_terminal.py FOLDER PEER"""

import os
import pty
import signal
import sys
import time

import kith

PROGRAM = """
import signal, sys, time
came = []
signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
print("up", flush=True)
while not came:
    time.sleep(0.01)
time.sleep(0.3)
print("interrupted", flush=True)
line = sys.stdin.readline().strip()
print("read", line, len(came), flush=True)
sys.exit(4)
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
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # whatever we were started with
    os.environ["KITH_DIR"] = sys.argv[1]
    os.execvp(kith.KITH, [kith.KITH, "forward", "-q", "0", sys.argv[2], "--run",
                          sys.executable, "-c", PROGRAM])
seen = await_text(master, b"up", b"")
os.write(master, b"\x03")
seen = await_text(master, b"interrupted", seen)
os.write(master, b"word\n")
seen = await_text(master, b"read word 1", seen)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
if status != 4:
    sys.exit(f"ended with {status}")
