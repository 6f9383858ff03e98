"""What happens at the prompt for a passphrase, at a terminal of our own.

usage: prompt.py SUBJECT COMMAND [ARGUMENT...]

COMMAND asks for a passphrase, which is "sesame". The subject is one of the functions below; what the
terminal shows goes to stderr, and the stdout of the command is ours. Exits with 1 and a line that
says why if it does not go as it should."""

import fcntl
import os
import select
import signal
import sys
import termios
import time

LIMIT = float(os.environ.get("KITH_TEST_LIMIT", "30"))
PROMPT = b"passphrase for"
LAST = b"(that was all)"


def eventually(wanted, what):
    end = time.monotonic() + LIMIT
    while not wanted():
        if time.monotonic() > end:
            sys.exit(f"it never came true: {what}")
        time.sleep(0.02)


def children_of(pid, states=None):
    """Those that have not ended, or those in one of these states."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if fields[1] == str(pid) and (fields[0] != "Z" if states is None else fields[0] in states):
            found.append(int(entry))
    return found


class Terminal:
    """A terminal whose session is ours, with a job of its own in the foreground."""

    def __init__(self, command):
        if os.fork():
            sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
        os.setsid()
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.ours, self.side = os.openpty()
        fcntl.ioctl(self.side, termios.TIOCSCTTY, 0)
        self.shown = b""
        self.pid = os.fork()
        if self.pid == 0:
            os.setpgid(0, 0)
            os.tcsetpgrp(self.side, os.getpgrp())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL) # which bats may have been started without
            os.dup2(self.side, 0)
            os.dup2(self.side, 2)
            os.execvp(command[0], command)

    def look(self):
        while select.select([self.ours], [], [], 0)[0]:
            chunk = os.read(self.ours, 4096)
            os.write(2, chunk)
            self.shown += chunk
        return self.shown

    def prompts(self, count):
        eventually(lambda: self.look().count(PROMPT) >= count and not self.echoes(), f"prompt {count}")

    def type(self, what):
        os.write(self.ours, what)

    def echoes(self):
        return bool(termios.tcgetattr(self.side)[3] & termios.ECHO)

    def front(self, group):
        os.tcsetpgrp(self.side, group)

    def wait(self, options=0):
        status = 0

        def changed():
            nonlocal status
            pid, status = os.waitpid(self.pid, options | os.WNOHANG)
            self.look()
            return pid != 0

        eventually(changed, "the job ends or stops")
        if not os.WIFSTOPPED(status):
            self.look_to_the_end()
        return status

    def is_stopped(self):
        """And so is the one that asks, a little later: a shell would not have it go on so soon."""
        eventually(lambda: children_of(self.pid) == children_of(self.pid, "T"),
                   "all of it is stopped")

    def look_to_the_end(self):
        """What was shown comes through a while after it was written: what we write now comes last."""
        os.write(self.side, LAST)
        eventually(lambda: LAST in self.look(), "all is shown")


def check(holds, what):
    if not holds:
        sys.exit(f"not so: {what}")


def answer(terminal, count):
    """At last it gets its answer, at so many a prompt."""
    terminal.prompts(count)
    terminal.type(b"sesame\n")
    check(terminal.wait() == 0, "it has taken the answer")
    check(terminal.echoes(), "the terminal has its echo")


def stop(terminal):
    """Ctrl-Z stops it, with the echo back; when it goes on, it asks again, and takes the answer."""
    for count in range(1, 4):
        terminal.prompts(count)
        terminal.type(b"ses\x1a")
        status = terminal.wait(os.WUNTRACED)
        check(os.WIFSTOPPED(status), "Ctrl-Z stops it")
        eventually(terminal.echoes, "the terminal has its echo while it is stopped")
        terminal.is_stopped()
        terminal.front(os.getpgrp())
        terminal.front(terminal.pid)
        os.killpg(terminal.pid, signal.SIGCONT)
    answer(terminal, 4)


def halt(terminal):
    """SIGSTOP cannot be held: who had the terminal meanwhile set it up, and it is to be asked anew."""
    usual = termios.tcgetattr(terminal.side)
    usual[3] |= termios.ECHO
    for count, number in enumerate((signal.SIGSTOP, signal.SIGTTIN, signal.SIGTTOU), 1):
        terminal.prompts(count)
        terminal.type(b"ses\x04") # which is read, but is no line
        eventually(lambda: not select.select([terminal.side], [], [], 0)[0], "it has read that")
        os.killpg(terminal.pid, number)
        check(os.WIFSTOPPED(terminal.wait(os.WUNTRACED)), f"signal {number} stops it")
        terminal.is_stopped()
        terminal.front(os.getpgrp())
        termios.tcsetattr(terminal.side, termios.TCSANOW, usual)
        terminal.front(terminal.pid)
        os.killpg(terminal.pid, signal.SIGCONT)
    answer(terminal, 4)


def end(terminal):
    """Ctrl-D is the end, and is called so."""
    terminal.prompts(1)
    terminal.type(b"\x04")
    status = terminal.wait()
    check(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 3, "Ctrl-D ends it with status 3")
    check(b"no passphrase was typed" in terminal.look(), "it says why")
    check(terminal.echoes(), "the terminal has its echo")


def interrupt(terminal):
    """Ctrl-C ends it by that signal."""
    terminal.prompts(1)
    terminal.type(b"\x03")
    check(os.WTERMSIG(terminal.wait()) == signal.SIGINT, "Ctrl-C ends it")
    eventually(terminal.echoes, "the terminal has its echo")


def interrupt_late(terminal):
    """The same where the shell has the terminal back, and has left it as it is."""
    terminal.prompts(1)
    (keeper,) = children_of(terminal.pid)
    terminal.front(os.getpgrp())
    os.killpg(terminal.pid, signal.SIGINT)
    check(os.WTERMSIG(terminal.wait()) == signal.SIGINT, "it ends by the signal")
    eventually(lambda: not os.path.exists(f"/proc/{keeper}"), "the keeper is gone as well")
    check(terminal.echoes(), "the terminal has its echo")


def orphan(terminal):
    """Who asks ends with its parent, and what is typed next is not for it."""
    terminal.prompts(1)
    (keeper,) = children_of(terminal.pid)
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.wait()
    eventually(lambda: not os.path.exists(f"/proc/{keeper}"), "it is gone with its parent")
    check(terminal.echoes(), "the terminal has its echo")
    terminal.front(os.getpgrp())
    terminal.type(b"mine\n")
    check(select.select([terminal.side], [], [], LIMIT)[0], "the next line can be read")
    check(os.read(terminal.side, 64) == b"mine\n", "the next line is whole")


def orphan_of_pipe(terminal):
    """The same while it waits for a key that does not come through a pipe."""
    eventually(lambda: len(children_of(terminal.pid)) == 1, "it waits")
    (keeper,) = children_of(terminal.pid)
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.wait()
    eventually(lambda: not os.path.exists(f"/proc/{keeper}"), "it is gone with its parent")


if __name__ == "__main__":
    globals()[sys.argv[1]](Terminal(sys.argv[2:]))
