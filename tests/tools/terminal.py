"""Run a command at a terminal of its own: its controlling terminal, stdin and stderr.

usage: terminal.py [-a PROMPT TEXT]... COMMAND [ARGUMENT...]

Types TEXT and Return each time the terminal shows PROMPT, which must then be new. What the terminal
shows goes to stderr; the stdout of the command is ours. Exits as the command does; one that does
not end before KITH_TEST_LIMIT is killed."""

import fcntl
import os
import select
import signal
import sys
import termios
import time

LIMIT = float(os.environ.get("KITH_TEST_LIMIT", "30"))


def spawn(command):
    """Start it with the terminal that is returned with its process id."""
    terminal, its_side = os.openpty()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(its_side, termios.TIOCSCTTY, 0)
        os.dup2(its_side, 0)
        os.dup2(its_side, 2)
        os.execvp(command[0], command)
    os.close(its_side)
    return pid, terminal


def converse(pid, terminal, answers):
    """Show what the terminal shows and answer its prompts, until nobody is left at it."""
    shown = b""
    end = time.monotonic() + LIMIT
    while True:
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # the last one at the terminal has left it
            return
        os.write(2, chunk)
        shown += chunk
        for prompt, text in answers:
            if prompt in shown:
                shown = shown.partition(prompt)[2]
                os.write(terminal, text + b"\n")


def main():
    arguments, answers = sys.argv[1:], []
    while arguments[0] == "-a":
        answers.append((arguments[1].encode(), arguments[2].encode()))
        arguments = arguments[3:]
    pid, terminal = spawn(arguments)
    converse(pid, terminal, answers)
    _, status = os.waitpid(pid, 0)
    sys.exit(os.waitstatus_to_exitcode(status) % 256 if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


if __name__ == "__main__":
    main()
