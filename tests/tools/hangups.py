"""What SIGHUP, and a terminal that is closed, do to a pipe.

usage: hangups.py SUBJECT     run in a directory with alice and bob in it

Each subject is a function here. Prints what went wrong, and exits 1 if anything did."""

import os
import select
import signal
import socket
import subprocess
import sys

import kith
import terminal
from daemons import check, eventually, finish


def _listen():
    """bob's: the process, and alice's words for where he is."""
    process, address = kith.listen(stdout=subprocess.PIPE)
    return process, "bob@%s:%d" % address


def _hears(listener, said):
    """What was said before is there, so that there is a channel."""
    got = b""
    while len(got) < len(said) and select.select([listener.stdout], [], [], kith.LIMIT)[0]:
        got += os.read(listener.stdout.fileno(), len(said) - len(got))
    check(got == said, "bob has", got)


def _is_cut(listener):
    """He is told that this was not all."""
    check(kith.status(listener) == 8, "bob ends with", listener.returncode)


def _writer(**terms):
    """Says a part, and has more to say."""
    writer = subprocess.Popen(["sh", "-c", "echo part; exec sleep 600"], stdout=subprocess.PIPE, **terms)
    kith.also_started(writer)
    return writer


def _dial(bob, writer, **terms):
    """What the writer says, to him; and what he says, to us."""
    dialer = kith.start("alice", "dial", bob, stdin=writer.stdout, stdout=subprocess.PIPE, **terms)
    writer.stdout.close()
    return dialer


def group():
    """Of a pipeline whose terminal is closed each process is hung up on, as a shell does it; so its
    writer ends in the middle, and that is no end."""
    listener, bob = _listen()
    writer = _writer(preexec_fn=os.setpgrp)
    dialer = _dial(bob, writer, preexec_fn=lambda: os.setpgid(0, writer.pid))
    _hears(listener, b"part\n")
    os.killpg(writer.pid, signal.SIGHUP)
    check(kith.status(dialer) == -signal.SIGHUP, "dial ends with", dialer.returncode)
    _is_cut(listener)


def alone():
    """Hung up on by who has started it, while somebody still writes: it does not wait for more."""
    listener, bob = _listen()
    writer = _writer()
    dialer = _dial(bob, writer)
    _hears(listener, b"part\n")
    dialer.send_signal(signal.SIGHUP)
    writer.kill()
    check(kith.status(dialer) == -signal.SIGHUP, "dial ends with", dialer.returncode)
    _is_cut(listener)


def _after_both_ends(hang_up, **terms):
    """The signal is seen late: when both its ends, which are one socket, have been left, as by ssh."""
    listener, bob = _listen()
    ours, its = socket.socketpair()
    dialer = kith.start("alice", "dial", bob, stdin=its, stdout=its, **terms)
    its.close()
    ours.sendall(b"part\n")
    _hears(listener, b"part\n")
    dialer.send_signal(signal.SIGSTOP)
    ours.close()
    hang_up(dialer)
    dialer.send_signal(signal.SIGCONT)
    check(kith.status(dialer) == -signal.SIGHUP, "dial ends with", dialer.returncode)
    _is_cut(listener)


def from_elsewhere():
    """Hung up on by somebody who has not started it: as by any signal."""
    _after_both_ends(lambda dialer: subprocess.run(["sh", "-c", f"kill -HUP {dialer.pid}"], check=True))


def of_shell():
    """Or by a shell that has started it as a job, and has hung up on all that is in it."""
    _after_both_ends(lambda dialer: os.killpg(dialer.pid, signal.SIGHUP), preexec_fn=os.setpgrp)


def still_read():
    """Or by us, who have its writer ended with it, and still read what it says: where the peer has
    ended its side, kith has no stdout any more that could tell."""
    listener, bob = _listen()
    writer = _writer()
    dialer = _dial(bob, writer)
    _hears(listener, b"part\n")
    check(dialer.stdout.read() == b"", "the peer says something")
    dialer.send_signal(signal.SIGSTOP)
    writer.kill()
    writer.wait()
    dialer.send_signal(signal.SIGHUP)
    dialer.send_signal(signal.SIGCONT)
    check(kith.status(dialer) == -signal.SIGHUP, "dial ends with", dialer.returncode)
    _is_cut(listener)


def closed_terminal():
    """A terminal that is closed has nothing more to say, but nobody has typed an end. Whom the signal
    does not end is told by the terminal itself."""
    listener, bob = _listen()
    os.environ["KITH_DIR"] = "alice"
    dialer, screen = terminal.spawn(
        ["sh", "-c", "trap '' HUP; exec \"$0\" dial \"$1\" >/dev/null", kith.KITH, bob])
    os.write(screen, b"part\n")
    _hears(listener, b"part\n")
    os.close(screen)
    ended = []

    def has_ended():
        pid, status = os.waitpid(dialer, os.WNOHANG)
        ended.extend([os.waitstatus_to_exitcode(status)] if pid else [])
        return ended

    if not eventually(has_ended, "dial ends"):
        os.kill(dialer, signal.SIGKILL)
    check(ended == [1], "dial ends with", ended)
    _is_cut(listener)


def main():
    """Run the subject."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever has started us
    globals()[sys.argv[1]]()
    finish()


main()
