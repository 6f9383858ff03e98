"""What is done to a channel in the matrix, whatever its ends are. Each behaviour is a function of a
cell that was not started yet, and of one line of its table; and each has a rule which says for
which ends, and lines, it has a meaning."""

import signal

import cuts
import proxy
from cell import WORD, cannot_tell, content
from sides import CALLS, GIVEN, KEPT, KEPTS, RUN

BEHAVIOURS = {}
LARGE = 300000
MORE_THAN_FITS = 3 << 20  # into all buffers on the way
SIDES = ("near", "far")
PIECES = 5
RECORD = cuts.TAG + len("\1name")  # the longest on the wire, an OPEN


class Behaviour:
    """The function, what it is called with, and when."""

    def __init__(self, run, lines, applies, options):
        self.run, self.lines, self.applies, self.options = run, lines, applies, options


def behaviour(lines, applies=lambda *_: True, options=lambda *_: ()):
    """A line is a tuple of arguments. applies(ends, *line) and options(*line), which both sides are
    started with, are asked before there is a cell; ends are by "near" and "far"."""
    def add(run):
        BEHAVIOURS[run.__name__] = Behaviour(run, lines, applies, options)
        return run
    return add


def _other(role):
    return "far" if role == "near" else "near"


def _may_say(ends, role):
    return ends[role].speaks_to(ends[_other(role)])


def _says_all(ends, role):
    """Whether it may, and its peer's end does not come in between."""
    other = ends[_other(role)]
    return _may_say(ends, role) and \
        (other.source.waits or ends[role].outlasts(_may_say(ends, _other(role))))


def _stays(ends):
    """Whether the channel is there until somebody wants it to end: one input waits, and its peer's
    end does not end it."""
    return any(ends[role].source.waits and
               (ends[_other(role)].source.waits or
                ends[role].outlasts(_may_say(ends, _other(role)))) for role in SIDES)


# --- whole


@behaviour([(0,), (1,), (3000,), (LARGE,)])
def both_ways(cell, size):
    """Bytes both ways at once, and both ends."""
    near, far = cell.words(size, size)
    cell.start(near, far)
    cell.finish()


def _half_close_applies(ends, first, first_says):
    second = ends[_other(first)]
    return second.source.waits and second.outlasts(first_says and _may_say(ends, first)) and \
        (not first_says or _may_say(ends, first))


@behaviour([(first, says) for first in SIDES for says in (False, True)], _half_close_applies)
def half_close(cell, first, first_says):
    """One side ends, which the other one sees, and has its say after that."""
    one = getattr(cell, first)
    two = cell.other(one)
    cell.start(**{first: content(one, two, 1, LARGE if first_says else 0)})
    one.sayer.end()
    cell.heard_all()
    if two.end.sink.shows_end:
        cell.check(two.hearer.to_end()[1] == "end", two.role, "does not see the end")
    cell.check(two.process.poll() is None, two.role, "has ended with the first")
    for seed in range(2):
        two.sayer.say(content(two, one, seed, LARGE))
        cell.heard_all()
    cell.finish()


@behaviour([(role,) for role in SIDES],
           lambda ends, role: ends[role].sink.pauses and _may_say(ends, _other(role)))
def slow_reader(cell, role):
    """Who does not read for a while holds up nothing but what it does not read."""
    slow = getattr(cell, role)
    other = cell.other(slow)
    slow.paused = True
    flood = content(other, slow, 1, LARGE if other.end.source.is_terminal else MORE_THAN_FITS)
    word = content(slow, other, 2, LARGE)
    cell.start(**{other.role: flood, role: word})
    if not cell.may_lose(slow):
        cell.check(other.hearer.has(len(word)), "the other direction is held up")
    slow.hearer.go()
    cell.finish()


@behaviour([(role,) for role in SIDES],
           lambda ends, role: ends[role].source.waits and _may_say(ends, role) and
           ends[role].outlasts(_may_say(ends, _other(role))))
def slow_writer(cell, role):
    """What was said is there before more is, and before the end."""
    slow = getattr(cell, role)
    cell.start()
    for seed in range(PIECES):
        slow.sayer.say(content(slow, cell.other(slow), seed, WORD))
        cell.heard_all()
    cell.finish()


# --- cut short


class CutAtEmpty(proxy.Tap):
    """Cuts in front of an empty message of the stream: the first is the end, the second the receipt."""

    def __init__(self, direction, which):
        super().__init__()
        self.begin, self.which = cuts.HANDSHAKE[direction], which

    def take(self, chunk):
        stream = bytes(self.passed[self.begin:]) + chunk[max(0, self.begin - len(self.passed)):]
        at, seen = 0, 0
        for length in proxy.frames(stream):
            seen += length == cuts.TAG
            if length == cuts.TAG and seen == self.which:
                yield chunk[:max(0, self.begin + at - len(self.passed))]
                raise proxy.Severed
            at += 4 + length
        yield chunk


class CutInKept(proxy.Tap):
    """Cuts so far into the stream of a kept channel, from its first message on that is longer than
    any record."""

    def __init__(self, direction, point):
        super().__init__()
        self.begin, self.point = cuts.HANDSHAKE[direction], point

    def take(self, chunk):
        whole, at = bytes(self.passed) + chunk, self.begin
        while at + 4 <= len(whole) and (length := int.from_bytes(whole[at:at + 4], "big")) <= RECORD:
            at += 4 + length
        limit = at + 4 + self.point
        if at + 4 <= len(whole) and limit <= len(whole):
            yield chunk[:max(0, limit - len(self.passed))]
            raise proxy.Severed
        yield chunk


def _tap(near, direction, point):
    if point in ("end", "receipt"):
        return CutAtEmpty(direction, 1 if point == "end" else 2)
    if near.end.command in KEPTS:
        return CutInKept(direction, point)
    return proxy.Cut(cuts.HANDSHAKE[direction] + point)


def _cut_applies(ends, direction, point, _how, size):
    sender = "near" if direction == "d2l" else "far"
    if ends["near"].command == RUN:  # which makes more calls than one
        return False
    if point in ("end", "receipt"):
        return True
    says_all = ends[sender].outlasts(_may_say(ends, _other(sender)))
    return point < size and _may_say(ends, sender) and (point < WORD or says_all)


@behaviour([(direction, point, how, size) for direction in ("d2l", "l2d")
            for point, size in ((2, WORD), (1, LARGE), (LARGE // 2, LARGE), ("end", WORD),
                                ("end", LARGE), ("receipt", WORD), ("receipt", LARGE))
            for how in ("fin", "rst", "half", "stall")],
           _cut_applies,
           lambda _direction, _point, how, _size: ("--idle-timeout", "1s") if how == "stall" else ())
def cut(cell, direction, point, how, size):
    """The connection between the two is cut somewhere: nobody takes a part for the whole."""
    near, far = cell.words(1, size)
    if cell.near.end.command in (KEPT, GIVEN):
        cell.near.options += ("--spare", "0")  # one call is all that is carried here
    cell.start(near, far, relay={direction: _tap(cell.near, direction, point), "how": how})
    for side in cell.sides:
        side.sayer.end()
    receiver = "far" if direction == "d2l" else "near"
    broken = "broken|deadline" if how == "stall" else "broken"
    told = {receiver: broken, _other(receiver): broken}
    if point == "receipt":  # it may have had the other's, and has said its own
        told[_other(receiver)] += "|whole"
    cell.is_broken(**told)
    cell.check(cell.relay.severed, "it was not cut")


@behaviour([(which, says) for which in SIDES for says in (False, True)],
           lambda ends, which, says: _stays(ends) and
           (all(_may_say(ends, role) for role in SIDES) if says
            else ends["near"].command not in (*CALLS, RUN)))
def killed(cell, which, says):
    """One kith is killed: the other one says so, and both programs see what their ends can show. Who
    is asked does not say before it is spoken to whether it has heard that its stream has begun."""
    if says:
        cell.converse()
    else:
        cell.start()
        cell.check(cell.near.is_up(), "there is no channel")
    dead = getattr(cell, which)
    dead.signal(signal.SIGKILL)
    cell.is_broken(**{which: "killed", _other(which): "broken"})


@behaviour([(role,) for role in SIDES],
           lambda ends, role: ends[role].sink.closes and _says_all(ends, _other(role)))
def goes_away(cell, role):
    """Who is at one end goes away, and leaves something unread."""
    gone = getattr(cell, role)
    other = cell.other(gone)
    gone.paused = True
    size = LARGE if other.end.source.is_terminal else MORE_THAN_FITS
    cell.start(**{other.role: content(other, gone, 1, size), role: content(gone, other, 2, WORD)})
    cell.check(gone.hearer.is_spoken_to(), role, "is never spoken to")
    gone.goes_away()
    cell.check(gone.outcome() == "local", role, "is", gone.outcome(), "and not local")
    cell.check(other.outcome() == "broken", other.role, "is", other.outcome(), "and not broken")
    cell.sees_break(other)


# --- full


@behaviour([(role,) for role in SIDES],
           lambda ends, role: _says_all(ends, _other(role)))
def full(cell, role):
    """What arrives has no room: both sides say so."""
    side = getattr(cell, role)
    other = cell.other(side)
    cell.start(**{other.role: content(other, side, 1, LARGE)})
    other.sayer.end()
    cell.is_broken(**{role: "local", other.role: "broken"})


# --- signals


def _is_told(ends, role):
    """Whether a signal is for this kith, and not for the program that it runs."""
    return ends[role].command != RUN


@behaviour([(role,) for role in SIDES], lambda ends, role: _stays(ends) and _is_told(ends, role))
def drain(cell, role):
    """SIGTERM: a daemon lets its channel finish; a pipe ends, and the other side knows."""
    side = getattr(cell, role)
    cell.converse()
    side.signal(signal.SIGTERM)
    if not side.end.is_daemon:
        cell.is_broken(**{role: "signal", _other(role): "broken"})
        return
    cell.check(side.logged("no new calls"), side.role, "does not drain")
    _goes_on(cell)
    cell.check(side.process.wait(30) == 0, side.role, "does not end well")


def _goes_on(cell):
    for side in cell.sides:
        if side.end.source.waits:
            side.sayer.say(content(side, cell.other(side), 3, LARGE))
    cell.finish()


@behaviour([(role, gone) for role in SIDES for gone in (False, True)],
           lambda ends, role, gone: _stays(ends) and _is_told(ends, role) and
           (ends[role].is_daemon or not gone))
def reload(cell, role, gone):
    """SIGHUP: a daemon reads its peers again, and ends the channel of who is gone; a pipe ends."""
    side = getattr(cell, role)
    cell.converse()
    if gone:
        with open(side.path("peers"), "w", encoding="ascii") as peers:
            peers.write("# nobody\n")
    side.signal(signal.SIGHUP)
    if not side.end.is_daemon:
        cell.is_broken(**{role: "signal", _other(role): "broken"})
    elif gone:
        cell.is_broken("broken", "broken")
    else:
        cell.check(side.logged("read again"), side.role, "does not read its peers again")
        _goes_on(cell)


# --- limits


@behaviour([("1", 300), ("1K", 100000), ("16M", LARGE)],
           options=lambda limit, _size: ("--max-message-size", limit))
def message_size(cell, _limit, size):
    """Messages of another size."""
    near, far = cell.words(1, size)
    cell.start(near, far)
    cell.finish()


@behaviour([("near",), ("far",)],
           lambda ends, role: _may_say(ends, _other(role)) and
           not ends[_other(role)].source.is_terminal)  # which is read line by line
def message_too_long(cell, role):
    """A message longer than one side takes ends it, and nobody takes that for an end."""
    side = getattr(cell, role)
    side.options += ("--max-message-size", "1K")
    other = cell.other(side)
    cell.start(**{other.role: content(other, side, 1, LARGE)})
    cell.is_broken("broken", "broken")


@behaviour([()], lambda ends: _stays(ends))
def second_caller(cell):
    """One channel is all that far may have: a second caller gets nothing, and the first one all."""
    cell.far.options += ("--max-connections", "1") if cell.far.end.is_daemon else ("-v",)
    cell.converse()
    if cell.far.takes_more:  # near's last word of the handshake may be on its way yet
        cell.check(cell.far.is_up(), "far has no channel")
    status = cell.calls()
    cell.check(status in (4, 5, 7, 8), "a second caller ends with", status)
    _goes_on(cell)


@behaviour([()], lambda ends: ends["near"].command != RUN)  # which has no program then
def stranger(cell):
    """Who is not known is not let in, and is told nothing; a program is reset."""
    with open(cell.far.path("peers"), "w", encoding="ascii") as peers:
        peers.write("%064x somebody\n" % 9)
    cell.far.options += ("-v",)
    near, _ = cell.words(1, WORD)
    cell.prepare(near)
    cell.near.start(cell.far.address)
    cell.near.join()
    if not cell.near.end.is_daemon:
        cell.check(cell.near.outcome() == "refused", "near is", cell.near.outcome())
    cell.check(cell.near.logged("closed during the handshake"), "near does not say why")
    cell.check(cell.far.logged("key not known"), "far does not say why")
    heard, how = cell.near.hearer.to_end()
    is_reset = how in (None, "reset") or cell.near.sayer.reset  # which is said once
    cell.check(not heard and (is_reset or cannot_tell(cell.near)), "near hears", heard, "and sees", how)
    if cell.far.takes_more:
        cell.check(cell.far.process.poll() is None, "far has ended")
