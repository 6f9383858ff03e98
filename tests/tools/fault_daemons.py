"""Scenarios of faults of serve and forward, which lose one call at most."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import daemons
import kith
from fault_parts import (
    DAEMON, DATA, TOOLS, WAY, echo, honest_call, read_file, start_ready, target, write_file)

LOG_CALLS = ("write", "send", "poll", "read")  # by which a line is lost, as is said with the next
FIRST_GIVEN = 3  # descriptor of a supervisor's

def _calls(run, process, call):
    """What fails once harms one call; the next is served."""
    served = [call(), call()]
    if not served[-1]:
        served.append(call())

    def has_reason():
        return run.fault.lasting or run.is_lost() or process.poll() is not None

    end = time.monotonic() + kith.LIMIT
    while not served[-1] and not has_reason() and time.monotonic() < end:
        time.sleep(0.01)
    run.check(served[-1] or has_reason(), "no call is served after it")
    return any(served)


def _measure(run, process):
    """What it holds when nobody calls is no more than without a fault, once what was slow is over and
    its thread has had nothing to do for a while."""
    if process.poll() is not None:
        return
    pid = process.pid
    counts = {"descriptors": f"/proc/{pid}/fd", "threads": f"/proc/{pid}/task"}
    for what, folder in counts.items():
        most = run.expected.get(what)
        end = time.monotonic() + 10
        with contextlib.suppress(OSError):
            while most is not None and (len(os.listdir(folder)) > most) and time.monotonic() < end:
                time.sleep(0.01)
            run.measured[what] = count = len(os.listdir(folder))
            run.check(most is None or count <= most, "it has", count, what, "and not", most)


def _stop(run, process):
    """It ends when it is told to; or has, if it said why."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    also = {-signal.SIGTERM} if run.fault.word == "slow" else ()  # --drain-timeout is over
    run.ends(process, also=also, daemon=True)


def _is_up(run, process, address):
    """Whether it became ready. If not, it ended and said why."""
    if address:
        return True
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        run.ends(process, "setup", also={-signal.SIGTERM}, daemon=True)
    else:
        run.ends(process, "setup", daemon=True)
    return False


def _serve(run, arguments, between=lambda process: None, name=""):
    process, address = start_ready(run, "bob", "serve", *DAEMON, "127.0.0.1:0", *arguments)
    if not _is_up(run, process, address):
        return
    between(process)
    if _calls(run, process, lambda: honest_call(run, address, DATA, name)):
        _measure(run, process)
    _stop(run, process)


def serve(run):
    """Callers are joined to a target."""
    _serve(run, [target()])


def serve_named(run):
    """Callers ask for a target by its name, on channels that are kept."""
    _serve(run, [f"echo={target()}"], name=":echo")


def serve_program(run):
    """Callers are joined to a program."""
    _serve(run, ["--exec", "cat"])


def serve_exec(run):
    """Callers ask for a target by its name, which is a program."""
    _serve(run, ["echo=exec:cat"], name=":echo")


def _as_supervisor(run, listener):
    """What makes of the subject's process, before it is one, one that a supervisor has started with
    this socket, and is to be told by it."""
    def become():
        os.dup2(listener.fileno(), FIRST_GIVEN)
        words = [kith.KITH, run.command[0], "--log-format", "json", *run.command[1:]]
        os.execve(kith.KITH, words, {
            **os.environ, "KITH_DIR": "bob", "LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()),
            "NOTIFY_SOCKET": os.path.abspath("notify")})
    return become


UNTOLD = ("ENOBUFS", "slow", "short")  # in a send: it may be told later, or was not told all


def serve_supervised(run):
    """A supervisor has opened the socket, and is told that all is ready, or that it is not told is
    said."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, \
            socket.create_server(("127.0.0.1", 0)) as listener:
        notify.bind("notify")
        notify.settimeout(2)
        address = "%s:%d" % listener.getsockname()
        process, is_up = start_ready(run, "bob", "serve", *DAEMON, "0", target(),
                                     preexec_fn=_as_supervisor(run, listener))
        if not _is_up(run, process, is_up):
            return
        told = b""
        with contextlib.suppress(TimeoutError):
            told = notify.recv(1000)
        run.check(told.startswith(b"READY=1") or run.fault.word in UNTOLD or run.log_failed() or
                  any("the supervisor is not told" in event["why"] + event.get("hint", "")
                      for event in run.said()[0]), "the supervisor is told", told)
        if _calls(run, process, lambda: honest_call(run, address, DATA)):
            _measure(run, process)
        _stop(run, process)


def _reload(run, process):
    """SIGHUP and SIGUSR1 are answered."""
    answers = "read again|as they were|as it was|has ended"
    process.send_signal(signal.SIGHUP)
    _says(run, process, answers)
    process.send_signal(signal.SIGUSR1)
    _says(run, process, "totals|has ended")


def _says(run, process, pattern):
    end = time.monotonic() + 10
    while not any(re.search(pattern, event["what"] + " " + event["why"])
                  for event in run.said()[0]):
        if process.poll() is not None or run.log_failed():
            return
        if time.monotonic() > end:
            run.check(run.fault.call in LOG_CALLS, "it never says", pattern)
            return
        time.sleep(0.01)


def serve_reload(run):
    """The peers are read again."""
    _serve(run, [target()], lambda process: _reload(run, process))


def _local_call(run, address):
    """A program's connection, which is whole or reset."""
    data = DATA[:50000]
    try:
        with daemons.connect(address) as near:
            near.settimeout(8)
            near.sendall(data)
            near.shutdown(socket.SHUT_WR)
            heard, how = daemons.read_to_end(near)
    except OSError:
        return False  # reset
    run.check(data.startswith(heard), "the program heard what nobody said")
    waits = run.fault.lasting and run.fault.call == "accept4"  # as long as nobody is accepted
    run.check(how != "nothing" or waits, "its connection hangs")
    if "/" not in address:
        run.check(how != "end" or heard == data, "a part was passed for the whole")
    return heard == data and how == "end"


KEPT = ("--keep", "1", "--ready-on", "listen")


def forward(run, local="127.0.0.1:0", between=lambda process: None, kind=KEPT):
    """Local connections are carried to a peer."""
    process, address = start_ready(run, "alice", "forward", *DAEMON, *kind, local,
                                    f"bob@{echo().address}")
    if not _is_up(run, process, address):
        return
    between(process)
    if _calls(run, process, lambda: _local_call(run, address)):
        _measure(run, process)
    _stop(run, process)
    if "/" in local:
        run.check(not os.path.exists(local) or run.fault.word, "its socket is left")
        with contextlib.suppress(FileNotFoundError):
            os.remove(local)


def forward_path(run):
    """The same at a path."""
    forward(run, "./local.socket")


def forward_plain(run):
    """The same with a channel for each."""
    forward(run, kind=("--plain",))


def forward_reload(run):
    """The peer is read again."""
    forward(run, between=lambda process: _reload(run, process))


def forward_via(run):
    """By a command that leads to the peer."""
    forward(run, kind=(*KEPT, "--via", WAY))


NOT_RUN = {126, 127}  # statuses of --run
RUN = f"""unset LD_PRELOAD
timeout 8 python3 '{TOOLS}/echoed.py' "$KITH_FORWARD_1" <in >out 2>/dev/null
cmp -s in out || exit 99"""


def forward_run(run):
    """While a program runs, which says with its status whether all came back to it."""
    write_file("in", DATA[:50000])
    write_file("out", b"")
    process = run.start("alice", "forward", *DAEMON, "127.0.0.1:0", f"bob@{echo().address}",
                        "--run", "sh", "-c", RUN)
    if run.fault.lasting:  # a peer for whom there is no memory is called as soon as there is some
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.send_signal(signal.SIGTERM)
    run.ends(process, "setup", "call", "channel", also=NOT_RUN | {99, -signal.SIGTERM}, daemon=True)
    run.check(DATA.startswith(read_file("out")), "the program heard what nobody said")


ONE = ("--spare", "1", "--keep", "0")  # channel that carries nothing, whatever there was before


def serve_call(run):
    """Who calls has its target used by programs at the other side."""
    accept = daemons.Daemon("alice", "forward", [*DAEMON, "--ready-on", "listen", "--accept",
                                                 "127.0.0.1:0"], ["127.0.0.1:0", "bob"], "accept.err")
    near = re.findall(CARRIED, accept.log())[-1]
    process, address = start_ready(run, "bob", "serve", *DAEMON, *ONE, "--ready-on", "listen", "--call",
                                    f"alice@{accept.address}", target())
    if _is_up(run, process, address):
        if _calls(run, process, lambda: _local_call(run, near)):
            _measure(run, process)
        _stop(run, process)
    accept.process.kill()
    accept.process.wait()


CARRIED = r"forward: (\S+): each connection is carried"


def forward_accept(run):
    """Programs use the target of who calls."""
    process, address = start_ready(run, "alice", "forward", *DAEMON, "--ready-on", "listen",
                                    "--accept", "127.0.0.1:0", "./accept.socket", "bob")
    if not _is_up(run, process, address):
        return
    caller = daemons.Daemon("bob", "serve", [*DAEMON, *ONE, "--ready-on", "listen", "--call",
                                             f"alice@{address}"], [target()], "caller.err")
    if _calls(run, process, lambda: _local_call(run, "./accept.socket")):
        _measure(run, process)
    _stop(run, process)
    caller.process.kill()
    caller.process.wait()
    with contextlib.suppress(FileNotFoundError):
        os.remove("accept.socket")
