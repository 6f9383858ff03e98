"""One run of kith with one fault in it: what the library tests/tools/faults.c is told and has counted,
and what has to hold of every end, whatever failed."""

import json
import os
import struct
import time

import fault_table
import kith

HEAD = struct.Struct("iiQQii")
WORD, ROLES, SIZE = 24, 256, 1 << 20
EVER = 2**32 - 1
BOARD = "board"
FAILED = {  # where a status may come from, by what was being done
    "keys": {1, 3}, "setup": {1, 3, 4}, "call": {1, 3, 4, 5, 7}, "channel": {1, 8},
}
# A descriptor that is said not to be open, or no socket; what was printed; a daemon that cannot poll.
OWN = {"fcntl": {2}, "fstat": {2}, "getsockopt": {2}, "fflush": {1}, "poll": {1}}


class Fault:
    """A call in a role, and what becomes of it; none at all if it has no words."""

    def __init__(self, role="", call="", nth=0, word="", lasting=False):
        self.role, self.call, self.nth, self.word, self.lasting = role, call, nth, word, lasting

    def __str__(self):
        lasting = " and on" if self.lasting else ""
        return f"{self.role} {self.call} {self.nth}{lasting} {self.word}"

    def spec(self):
        """As the library wants it."""
        last = EVER if self.lasting else self.nth
        return f"{self.role} {self.call} {self.nth} {last} {fault_table.how(self.word)}"


class Board:
    """What the library has noted."""

    def __init__(self):
        with open(BOARD, "rb") as file:
            data = file.read()
        (self.hits, self.on_stderr, self.at, self.unopened_at, role_count,
         call_count) = HEAD.unpack_from(data)
        names = [_word(data, HEAD.size + WORD * i) for i in range(call_count)]
        start = HEAD.size + WORD * call_count
        size = WORD + 4 + 4 * call_count
        self.counts, self.processes = {}, []
        for place in range(start, start + size * min(role_count, ROLES), size):
            role = _word(data, place)
            numbers = struct.unpack_from(f"{1 + call_count}I", data, place + WORD)
            self.processes.append(numbers[0])
            for name, count in zip(names, numbers[1:]):
                if count:
                    self.counts[role, name] = count


def _word(data, place):
    return data[place:place + WORD].split(b"\0")[0].decode("ascii")


def _lives(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            name, _, rest = file.read().partition("(")[2].rpartition(")")
    except OSError:
        return False
    return name == "kith" and rest.split()[0] not in "ZX"


class Run:
    """The subject of one run, its fault, and what was wrong."""

    def __init__(self, library, fault, expected):
        self.library, self.fault, self.problems = library, fault, []
        self.status, self.board, self.command = None, None, ()
        self.measured, self.expected = {}, expected
        self.log = "subject.err"
        with open(BOARD, "wb") as file:
            file.truncate(SIZE)

    def check(self, condition, *what):
        """Note what is wrong."""
        if not condition:
            self.problems.append(" ".join(map(str, what)))
        return condition

    def start(self, who, *arguments, **streams):
        """The subject, with the library."""
        self.command = arguments
        ours = {"LD_PRELOAD": self.library, "KITH_FAULT_BOARD": os.path.abspath(BOARD),
                "KITH_FAULT": self.fault.spec() if self.fault.word else ""}
        os.environ.update(ours)
        try:
            with open(self.log, "wb") as log:
                return kith.start(who, arguments[0], "--log-format", "json", *arguments[1:],
                                  stderr=log, **streams)
        finally:
            for name in ours:
                del os.environ[name]

    def said(self):
        """What it said on stderr, a dictionary a line; and what is no line of its own."""
        events, other = [], []
        with open(self.log, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    events.append(json.loads(line))
                except ValueError:
                    if line.startswith("kith: "):  # it does not know yet that it is to write JSON
                        events.append({"level": "error", "what": "", "why": line.strip()})
                    else:
                        other.append(line)
        return events, other

    def is_lost(self):
        """Whether it has said that it cannot go on."""
        return any(event["what"] in ("keeper", "lookup", "launcher") for event in self.errors())

    def log_failed(self):
        """Whether the fault was that of stderr, so that nothing could be said."""
        return Board().on_stderr or any(event["what"] == "log" for event in self.said()[0])

    def errors(self):
        """What it said of level error."""
        return [event for event in self.said()[0] if self._is_error(event)]

    def _is_error(self, event):
        """A caller who is refused is none, but of whom was started for this one."""
        calls = " at " in event.get("which", "") or event["why"].startswith("refused")
        return event["level"] == "error" or (
            "--inetd" in self.command and calls and "seconds" not in event)

    def ends(self, process, *kinds, also=(), daemon=False):
        """It ends by itself, with a status of one of these kinds, and has said why; a daemon tells
        of calls that failed as well."""
        self.status = status = kith.status(process)
        self.board = Board()
        in_turn = self.fault.call == "syscall"  # without close_range(2) each that may be open is
        self.check(self.board.unopened_at == 0 or in_turn,
                   "a descriptor was closed that is not open, at", hex(self.board.unopened_at))
        allowed = {0, *also, *OWN.get(self.fault.call, ())}.union(*(FAILED[kind] for kind in kinds))
        if status == "hangs":
            return self.check(False, "it hangs")
        if daemon and self.is_lost():
            allowed.add(1)
        self.check(status in allowed, "status", status, "is none of", sorted(allowed))
        events, other = self.said()
        errors = [event for event in events if self._is_error(event)]
        stderr_failed = self.log_failed() or self.fault.word == "short"  # a part of a line
        other = [line for line in other if "OpenSSL internal error" not in line]  # its last word
        self.check(not other or stderr_failed, "on stderr:", "".join(other))
        if not stderr_failed and status not in also:
            by_inetd = "--inetd" in self.command
            least = int(status != 0 and not (by_inetd and status == 5))  # who says nothing at all
            self.check(len(errors) == (status != 0) or ((daemon or by_inetd) and len(errors) >= least),
                       f"status {status}, but {len(errors)} errors were said:", _whys(errors))
        self.check_gone()
        return status == 0

    def check_gone(self):
        """No process of it is left."""
        end = time.monotonic() + 5
        left = self.board.processes
        while (left := [pid for pid in left if _lives(pid)]) and time.monotonic() < end:
            time.sleep(0.01)
        self.check(not left, "processes are left:", left)
        for pid in left:
            os.kill(pid, 9)

    def check_bytes(self, what, path, whole, is_whole):
        """A file holds a part of the whole from its start; all of it, if that was promised."""
        with open(path, "rb") as file:
            data = file.read()
        if self.check(whole.startswith(data), what, "has bytes that nobody sent") and is_whole:
            self.check(len(data) == len(whole), what, f"has {len(data)} bytes of {len(whole)},",
                       "and was called whole")


def _whys(errors):
    return "; ".join(event["what"] + ": " + event["why"] for event in errors)
