"""What becomes of a kith pipe whose connection is cut, changed, slowed down or played again.

usage: cuts.py SUBJECT [STEP]      every STEP-th case; run in a directory with alice and bob in it

Each subject is a function here, named in SUBJECTS. Prints what went wrong; exits 1 if anything did."""

import concurrent.futures
import errno
import itertools
import random
import socket
import sys
import tempfile

import kith
import proxy

# The sizes on the wire, of whole frames, with a timestamp of our days (6 bytes).
MESSAGE_1 = 4 + 167
MESSAGE_2 = 4 + 199 + 16
MESSAGE_3 = 4 + 16
HANDSHAKE = {"d2l": MESSAGE_1 + MESSAGE_3, "l2d": MESSAGE_2}
TAG = 16  # also the length of a frame with an empty message

# Small messages, so that a small transfer has edges. Nobody leaves by the clock, however slow this
# machine is, but where a length was made larger: that leaves both ends waiting for what does not come.
SMALL = ("--max-message-size", "1K")
OPTIONS = (*SMALL, "-w", "1h", "--idle-timeout", "1h")
IMPATIENT_CALL = (*SMALL, "-w", "3s")
IMPATIENT_CHANNEL = (*SMALL, "-w", "1h", "--idle-timeout", "3s")

FROM_ALICE = random.Random(1).randbytes(3000)
FROM_BOB = random.Random(2).randbytes(3000)

_problems = []


def check(condition, *what):
    """Note a problem, and go on."""
    if not condition:
        _problems.append(" ".join(map(str, what)))


def in_parallel(run, cases):
    """Run each case; a few at a time."""
    cases = list(cases)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda case: run(*case), cases):
            pass
    print(len(cases), "cases")
    check(cases, "no cases")


def stream_of(content):
    """A file to read these bytes from."""
    file = tempfile.TemporaryFile()
    file.write(content)
    file.seek(0)
    return file


def contents(file):
    """All that was written to the file."""
    file.seek(0)
    return file.read()


class Transfer:
    """One pipe through a proxy, both ways at once, until both ends have ended."""

    def __init__(self, d2l=None, l2d=None, how="fin", sent=(FROM_ALICE, FROM_BOB), options=OPTIONS):
        self.sent_d2l, self.sent_l2d = sent
        with stream_of(self.sent_d2l) as d_in, stream_of(self.sent_l2d) as l_in, \
                tempfile.TemporaryFile() as d_out, tempfile.TemporaryFile() as l_out:
            listener, address = kith.listen(*options, stdin=l_in, stdout=l_out)
            self.proxy = proxy.Proxy(address, d2l, l2d, how)
            dialer = kith.dial(self.proxy.address, *options, stdin=d_in, stdout=d_out)
            self.dialer, self.listener = kith.status(dialer), kith.status(listener)
            self.proxy.join()
            self.got_l2d, self.got_d2l = contents(d_out), contents(l_out)

    def __str__(self):
        return (f"dialer {self.dialer} with {len(self.got_l2d)} bytes, "
                f"listener {self.listener} with {len(self.got_d2l)} bytes")

    def check_truth(self, *case):
        """What holds whatever happens: only a beginning of what was sent comes out, and exit 0
        is given only if everything came out."""
        check(self.sent_d2l.startswith(self.got_d2l), *case, self, "listener wrote what was not sent")
        check(self.sent_l2d.startswith(self.got_l2d), *case, self, "dialer wrote what was not sent")
        if 0 in (self.dialer, self.listener):
            check(self.got_d2l == self.sent_d2l and self.got_l2d == self.sent_l2d,
                  *case, self, "exit 0, and not all is there")

    def check_whole(self, *case):
        """It went well."""
        check((self.dialer, self.listener) == (0, 0), *case, self)
        check(self.got_d2l == self.sent_d2l and self.got_l2d == self.sent_l2d, *case, self)


class Waiting:
    """A listener that strangers and broken handshakes do not end: in the end it serves an honest peer."""

    def __init__(self, *options):
        self.options = options or OPTIONS
        self._out = tempfile.TemporaryFile()
        self._log = tempfile.TemporaryFile()
        with stream_of(FROM_BOB) as l_in:
            self.process, self.address = kith.listen(
                *self.options, "-v", stdin=l_in, stdout=self._out, stderr=self._log)

    def dial(self, d2l=None, l2d=None, how="fin", options=None):
        """The status of a dialer whose connection is harmed on the way, and its proxy."""
        through = proxy.Proxy(self.address, d2l, l2d, how)
        with stream_of(FROM_ALICE) as d_in, tempfile.TemporaryFile() as d_out:
            dialer = kith.dial(through.address, *(options or self.options), stdin=d_in, stdout=d_out)
            status = kith.status(dialer)
            check(contents(d_out) == b"", "a dialer wrote something without a handshake")
        through.join()
        return status, through

    def check_serves(self):
        """It is still there, has written nothing, and an honest peer gets through."""
        check(self.process.poll() is None, "the listener has ended:", contents(self._log))
        check(contents(self._out) == b"", "the listener wrote something without a handshake")
        with stream_of(FROM_ALICE) as d_in, tempfile.TemporaryFile() as d_out:
            dialer = kith.dial(self.address, *self.options, stdin=d_in, stdout=d_out)
            ended = kith.status(dialer), kith.status(self.process)
            check(ended == (0, 0), "the honest peer: dialer, listener", ended)
            check(contents(d_out) == FROM_BOB, "the honest peer got something else")
        check(contents(self._out) == FROM_ALICE, "the listener got something else")

    def log_lines(self):
        """What the listener said so far, by lines."""
        return contents(self._log).decode().splitlines()


def handshake_cuts(step):
    """Cut anywhere in the handshake: the dialer fails, and the listener waits for the next."""
    listener = Waiting()

    def run(direction, after, how):
        status, through = listener.dial(how=how, **{direction: proxy.Cut(after)})
        # From its view, the dialer has a channel once it has read the whole of message 2, which a
        # reset right behind may take from it.
        up = after > MESSAGE_1 if direction == "d2l" else after == MESSAGE_2
        lost = after == MESSAGE_2 and how == "rst"
        check(through.severed, direction, after, how, "was not cut")
        check(status == (8 if up else 5) or (lost and status == 5),
              direction, after, how, "dialer:", status)

    offsets = itertools.chain(
        (("d2l", after) for after in range(0, MESSAGE_1 + MESSAGE_3, step)),
        (("l2d", after) for after in range(0, MESSAGE_2 + 1, step)))
    in_parallel(run, ((*offset, how) for offset in offsets for how in ("fin", "rst")))
    listener.check_serves()


def edges(passed, direction):
    """The offsets of note in what passed in a direction after the handshake, up to its last byte."""
    at = HANDSHAKE[direction]
    found = set()
    for length in proxy.frames(passed[at:]):
        found |= {at, at + 1, at + 4, at + 5, at + 4 + length - TAG, at + 4 + length - 1}
        at += 4 + length
    # The listener has no channel, and so no status, before message 3.
    return sorted(found - {MESSAGE_2} if direction == "l2d" else found)


def check_cut(transfer, direction, *case):
    """The receiver knows that it was cut. So does the sender, unless its end had passed: then it
    may have had the other's word for everything before."""
    receiver, sender = ((transfer.listener, transfer.dialer) if direction == "d2l"
                        else (transfer.dialer, transfer.listener))
    passed = getattr(transfer.proxy, direction).passed
    end_passed = TAG in proxy.frames(passed[HANDSHAKE[direction]:])
    transfer.check_truth(direction, *case)
    check(transfer.proxy.severed, direction, *case, "was not cut")
    check(receiver == 8, direction, *case, transfer)
    check(sender == 8 or (sender == 0 and end_passed), direction, *case, transfer)


def traffic_cuts(step):
    """Cut around the edges of the messages, in each way, with data both ways."""
    whole = Transfer()
    whole.check_whole("without a cut")

    def run(direction, after, how):
        check_cut(Transfer(how=how, **{direction: proxy.Cut(after)}), direction, after, how)

    cases = [(direction, after, how) for how in ("fin", "rst", "half")
             for direction in ("d2l", "l2d")
             for after in edges(getattr(whole.proxy, direction).passed, direction)]
    in_parallel(run, cases[::step])


def larger_cuts(step):
    """Cut anywhere in a transfer of many messages of the usual size."""
    pick = random.Random(3)
    sent = pick.randbytes(1500000), pick.randbytes(1500000)

    def run(direction, after, how):
        transfer = Transfer(how=how, sent=sent, options=(), **{direction: proxy.Cut(after)})
        check_cut(transfer, direction, after, how)

    cases = [(direction, pick.randrange(HANDSHAKE[direction] + 1, 1500000), how)
             for how in ("fin", "rst", "half") for direction in ("d2l", "l2d") for _ in range(5)]
    in_parallel(run, cases[::step])


def recorded_hello():
    """Message 1 as alice would send it to bob now; nobody has seen it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        dialer = kith.dial(server.getsockname(), *OPTIONS)
        server.settimeout(kith.LIMIT)
        connection, _ = server.accept()
        with connection:
            hello = connection.recv(MESSAGE_1, socket.MSG_WAITALL)
    check(kith.status(dialer) == 5, "the dialer of a stranger that hung up")
    check(len(hello) == MESSAGE_1, "message 1 has", len(hello), "bytes")
    return hello


def answer_to(address, sent):
    """What a listener says to these bytes, and the end of them, until it hangs up."""
    with socket.create_connection(address, kith.LIMIT) as connection:
        answer = b""
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(4096):
                answer += chunk
        except OSError as error:
            # It may reset, as it does not read what it refused; but it has to end it.
            check(error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN), "hello:", error)
        return answer


def hello_flips(step):
    """Every bit of message 1 matters: with one changed the listener says nothing at all."""
    listener = Waiting(*OPTIONS, "--max-handshake-age", "1h")
    hello = recorded_hello()

    def run(bit):
        changed = bytearray(hello)
        changed[bit // 8] ^= 0x80 >> (bit % 8)
        answer = answer_to(listener.address, changed)
        check(answer == b"", "bit", bit, "changed, and an answer of", len(answer), "bytes")

    in_parallel(run, ((bit,) for bit in range(0, MESSAGE_1 * 8, step)))
    check(len(answer_to(listener.address, hello)) == MESSAGE_2, "the true hello is not answered")
    listener.check_serves()


def answer_flips(step):
    """Every bit of message 2 matters: with one changed the dialer ends, with nothing said or written."""
    listener = Waiting()

    def run(bit):
        # A changed length can leave it waiting; a changed timestamp is first of all a wrong one.
        in_length, in_timestamp = bit < 32, 4 + 64 <= bit // 8 < 4 + 70
        status, _ = listener.dial(l2d=proxy.Flip(bit), options=IMPATIENT_CALL if in_length else OPTIONS)
        expected = {5} | ({7} if in_length else set()) | ({6} if in_timestamp else set())
        check(status in expected, "bit", bit, "changed, dialer:", status)

    in_parallel(run, ((bit,) for bit in range(0, MESSAGE_2 * 8, step)))
    listener.check_serves()


def confirmation_flips(step):
    """Every bit of message 3 matters: the listener drops the caller, and waits for the next."""
    listener = Waiting()

    def run(bit):
        status, _ = listener.dial(d2l=proxy.Flip(bit))
        check(status == 8, "bit", bit, "changed, dialer:", status)

    in_parallel(run, ((bit,) for bit in range(MESSAGE_1 * 8, (MESSAGE_1 + MESSAGE_3) * 8, step)))
    listener.check_serves()


def traffic_flips(step):
    """A changed bit anywhere in the traffic ends it, and nothing of that message is written."""
    whole = Transfer()
    pick = random.Random(4)

    def run(direction, bit, in_length):
        transfer = Transfer(options=IMPATIENT_CHANNEL if in_length else OPTIONS,
                            **{direction: proxy.Flip(bit)})
        transfer.check_truth(direction, "bit", bit)
        receiver, sender = ((transfer.listener, transfer.dialer) if direction == "d2l"
                            else (transfer.dialer, transfer.listener))
        # A larger length leaves it waiting for bytes that nobody sends.
        check(receiver == 8 or (in_length and receiver == 7), direction, "bit", bit, transfer)
        # Its own receipt needs nothing more than its own end to have passed.
        check(sender in (7, 8) or (sender == 0 and is_receipt(direction, bit)),
              direction, "bit", bit, transfer)

    def is_receipt(direction, bit):
        return bit // 8 >= len(getattr(whole.proxy, direction).passed) - (4 + TAG)

    cases = []
    for direction in ("d2l", "l2d"):
        at = HANDSHAKE[direction]
        for length in proxy.frames(getattr(whole.proxy, direction).passed[at:]):
            cases += ((direction, at * 8 + bit, True) for bit in range(0, 32, 3))
            cases += ((direction, pick.randrange((at + 4) * 8, (at + 4 + length) * 8), False)
                      for _ in range(8))
            at += 4 + length
    in_parallel(run, cases[::step])


def slow(_step):
    """A connection that passes one byte at a time, or only now and then, is slow and nothing else."""
    Transfer(proxy.Dribble(), proxy.Dribble()).check_whole("byte by byte")
    Transfer(proxy.Delay(0.02), proxy.Delay(0.02)).check_whole("held up")


def replay(_step):
    """What was recorded of a whole connection is worth nothing to whoever plays it again."""
    options = OPTIONS + ("--max-handshake-age", "1h")
    recorded = Transfer(options=options)
    recorded.check_whole("recorded")
    listener = Waiting(*options)
    answer_to(listener.address, recorded.proxy.d2l.passed)
    listener.check_serves()

    with socket.create_server(("127.0.0.1", 0)) as server, tempfile.TemporaryFile() as d_out:
        dialer = kith.dial(server.getsockname(), *options, stdout=d_out)
        server.settimeout(kith.LIMIT)
        connection, _ = server.accept()
        with connection:
            connection.sendall(recorded.proxy.l2d.passed)
            check(kith.status(dialer) == 5, "the dialer took a recording")
        check(contents(d_out) == b"", "the dialer wrote what was recorded")


SUBJECTS = {subject.__name__: subject for subject in (
    handshake_cuts, traffic_cuts, larger_cuts, hello_flips, answer_flips, confirmation_flips,
    traffic_flips, slow, replay)}


def main():
    SUBJECTS[sys.argv[1]](int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    for problem in _problems[:20]:
        print(problem)
    if len(_problems) > 20:
        print("and", len(_problems) - 20, "more")
    sys.exit(1 if _problems else 0)


if __name__ == "__main__":
    main()
