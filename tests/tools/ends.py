"""What the stdin and stdout of a pipe may be.

usage: ends.py SUBJECT     run in a directory with alice and bob in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did, 77 with the reason
if there is no such thing here."""

import errno
import fcntl
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import tty

import kith
from kith import LIMIT

F_SETPIPE_SZ = 1031
CONTENT = random.Random(1).randbytes(300000)

_failures = []


def check(good, *words):
    if not good:
        _failures.append(" ".join(map(str, words)))


def eventually(condition, *words):
    """Wait for it; whether it came true."""
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            check(False, "it never came true:", *words)
            return False
        time.sleep(0.02)
    return True


def read_to_end(fd, size=1 << 16):
    """What comes until the end, which at a pseudo terminal is EIO."""
    data = b""
    while select.select([fd], [], [], LIMIT)[0]:
        try:
            chunk = os.read(fd, size)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return data
        if not chunk:
            return data
        data += chunk
    check(False, "no end within the limit, behind", len(data), "bytes")
    return data


def read_exactly(fd, count):
    data = b""
    while len(data) < count and select.select([fd], [], [], LIMIT)[0]:
        chunk = os.read(fd, count - len(data))
        if not chunk:
            break
        data += chunk
    return data


def file_of(content):
    """A file to be read from its start."""
    fd = os.open("content", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def sends(address, content):
    """Alice sends this and nothing else; her status."""
    process = kith.dial(address, stdin=subprocess.PIPE)
    process.stdin.write(content)
    process.stdin.close()
    return kith.status(process)


def pseudo_terminal():
    """The two sides of one that passes every byte as it is: (master, slave)."""
    master, slave = os.openpty()
    tty.setraw(slave)
    return master, slave


def mode(fd):
    return fcntl.fcntl(fd, fcntl.F_GETFL) & (os.O_NONBLOCK | os.O_APPEND)


# --- stdout


def block_device():
    """What stood before and what comes after stays where it is."""
    with open("image", "wb") as image:
        image.truncate(1 << 20)
    try:
        device = subprocess.run(
            ["losetup", "-f", "--show", "image"], capture_output=True, check=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        print("no loop device available here")
        sys.exit(77)
    try:
        out = os.open(device, os.O_RDWR)
        os.write(out, b"HEADER")
        process, address = kith.listen(stdout=out)
        check(sends(address, CONTENT) == 0, "the dialer failed")
        check(kith.status(process) == 0, "the listener failed")
        os.write(out, b"TRAILER")
        wanted = b"HEADER" + CONTENT + b"TRAILER"
        check(os.pread(out, len(wanted), 0) == wanted, "not what was written to the device")
        os.close(out)
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def pty_master():
    """All that arrives comes out at the slave; its end is the end of stdin."""
    master, slave = pseudo_terminal()
    process, address = kith.listen(stdin=master, stdout=master, stderr=None)
    dialer = kith.dial(address, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    dialer.stdin.write(CONTENT[:1000])
    dialer.stdin.flush()
    check(read_exactly(slave, 1000) == CONTENT[:1000], "not what was sent comes out at the slave")
    os.write(slave, b"answer")
    check(read_exactly(dialer.stdout.fileno(), 6) == b"answer", "what the slave says is lost")
    reader = threading.Thread(target=lambda: got.append(read_exactly(slave, len(CONTENT) - 1000)))
    got = []
    reader.start()
    dialer.stdin.write(CONTENT[1000:])
    dialer.stdin.close()
    reader.join()
    check(got[0] == CONTENT[1000:], "something is lost on the way to the slave")
    os.close(slave)
    check(kith.status(dialer) == 0, "the dialer failed")
    check(kith.status(process) == 0, "the listener failed")
    check(mode(master) == 0, "the mode of the master was changed")


def _carries_behind(process, address, drain):
    """While stdout is stuck, what bob says gets through; once it is not, all is whole."""
    dialer = kith.dial(address, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    sender = threading.Thread(target=lambda: (dialer.stdin.write(CONTENT), dialer.stdin.close()))
    sender.start()
    check(read_exactly(dialer.stdout.fileno(), len(CONTENT)) == CONTENT, "what bob says is held up")
    drain()
    sender.join()
    check(kith.status(dialer) == 0, "the dialer failed")
    check(kith.status(process) == 0, "the listener failed")


def _stuck(out, far):
    """Nobody reads there for a while; nor is its mode another one then."""
    process, address = kith.listen(stdin=file_of(CONTENT), stdout=out)
    modes = set()

    def drain():
        modes.add(mode(out))
        check(read_exactly(far, len(CONTENT)) == CONTENT, "not what was sent comes out")

    _carries_behind(process, address, drain)
    check(modes == {0} and mode(out) == 0, "the mode of stdout was changed")


def stuck_pty_master():
    _stuck(*pseudo_terminal())


def stuck_terminal():
    _stuck(*reversed(pseudo_terminal()))


def stuck_pipe():
    _stuck(*reversed(os.pipe()))


def of_another_user():
    """The same for what belongs to somebody else, as after su: it cannot be opened anew."""
    if os.getuid() != 0:
        print("only root can be another user")
        sys.exit(77)
    with open("as-another", "w", encoding="ascii") as script:
        script.write(f'#!/bin/sh\nexec setpriv --reuid 65534 --clear-groups {kith.KITH} "$@"\n')
    os.chmod("as-another", 0o755)
    os.chmod("..", 0o755)
    os.chmod(".", 0o755)
    for name in ("bob", "bob/identity", "bob/peers", "alice/identity", "alice/peers", "alice"):
        os.chown(name, 65534, -1)
    kith.KITH = os.path.abspath("as-another")
    if subprocess.run([kith.KITH, "--version"], stdout=subprocess.DEVNULL, check=False).returncode:
        print("another user cannot run this kith")
        sys.exit(77)
    stuck_pipe()
    stuck_terminal()
    stuck_pty_master()


def tun():
    """What is written reaches the interface that was attached, not a new one."""
    try:
        device = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"kith0", 0x1001))
        subprocess.run(["ip", "link", "set", "kith0", "up"], check=True)
    except (OSError, subprocess.CalledProcessError):
        print("no tun device available here")
        sys.exit(77)
    packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20, 0, 0, 64, 253, 0, b"\1\2\3\4", b"\4\3\2\1")
    process, address = kith.listen(stdout=device)
    check(sends(address, packet) == 0, "the dialer failed")
    check(kith.status(process) == 0, "the listener failed")
    with open("/proc/net/dev", encoding="ascii") as lines:
        received = next(line.split()[1] for line in lines if "kith0:" in line)
    check(int(received) == len(packet), "the packet did not reach the interface")


# --- stdin


class _Narrows:
    """Between alice and bob, with little room: what bob says passes as far as we let it."""

    def __init__(self, address):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = self._server.getsockname()
        self._far = socket.socket()
        self._far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._far.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)  # bob's buffer goes by it
        self._far.connect(address)
        self._near = None

    def _pass_on(self, source, sink, size=4096):
        data = source.recv(size)
        if data:
            sink.sendall(data)
        else:
            sink.shutdown(socket.SHUT_WR)
        return data

    def _carry(self, source, sink):
        while self._pass_on(source, sink):
            pass

    def begin(self):
        """Take alice's call and pass on what she says, and so much of bob's that they are joined."""
        self._near = self._server.accept()[0]
        self._near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._carry, args=(self._near, self._far), daemon=True).start()
        self._pass_on(self._far, self._near)

    def step(self):
        if select.select([self._far], [], [], 0.1)[0]:
            self._pass_on(self._far, self._near)

    def open(self):
        threading.Thread(target=self._carry, args=(self._far, self._near), daemon=True).start()


def _waiting(fd):
    """Bytes that wait to be read there."""
    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]


def _fill(fd):
    """Write until there has been no room for a while; how much that was."""
    total = 0
    while select.select([], [fd], [], 0.5)[1]:
        total += os.write(fd, b"a" * 4096)
    return total


def fifo_with_writers():
    """A writer that comes as another one has left, and stays, does not hold up the other direction."""
    os.mkfifo("fifo")
    watch = os.open("fifo", os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(watch, F_SETPIPE_SZ, 1 << 20)  # more than is read at once
    first = os.open("fifo", os.O_WRONLY | os.O_NONBLOCK)
    process, address = kith.listen(stdin=os.open("fifo", os.O_RDONLY), stdout=subprocess.PIPE)
    between = _Narrows(address)
    dialer = kith.dial(between.address, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    between.begin()
    total = _fill(first)
    os.close(first)
    left = _waiting(watch)
    while _waiting(watch) == left:
        between.step()
    second = os.open("fifo", os.O_WRONLY)
    if _waiting(watch) == 0:  # the system's buffers have grown and taken all of it: once more
        os.unlink("fifo")
        fifo_with_writers()
        return
    os.write(second, b"b")
    between.open()
    wanted = b"a" * total + b"b"
    check(read_exactly(dialer.stdout.fileno(), len(wanted)) == wanted, "not what was written")
    dialer.stdin.write(b"word")
    dialer.stdin.close()
    check(read_exactly(process.stdout.fileno(), 4) == b"word", "the other direction is held up")
    os.write(second, b"last")
    os.close(second)
    check(read_to_end(dialer.stdout.fileno()) == b"last", "what was written last is lost")
    check(kith.status(dialer) == 0, "the dialer failed")
    check(kith.status(process) == 0, "the listener failed")


def fifo_with_readers():
    """Another reader that is faster does not hold up the other direction."""
    os.mkfifo("fifo")
    thief = os.open("fifo", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open("fifo", os.O_WRONLY)
    _with_readers(os.open("fifo", os.O_RDONLY), writer, lambda: os.read(thief, 1))


def socket_with_readers():
    """The same where stdin is a socket."""
    ours, side = socket.socketpair()
    thief = side.dup()
    _with_readers(side.detach(), ours.detach(), lambda: thief.recv(1, socket.MSG_DONTWAIT))


def _with_readers(stdin, writer, take):
    process, address = kith.listen(stdin=stdin, stdout=subprocess.PIPE)
    dialer = kith.dial(address, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    stolen = [0]

    def steal():
        end = time.monotonic() + LIMIT
        while time.monotonic() < end: # without select, which makes it slower than kith mostly
            try:
                taken = len(take())
            except BlockingIOError:
                continue
            if not taken:
                return
            stolen[0] += taken

    thread = threading.Thread(target=steal)
    thread.start()
    for _ in range(2000):
        os.write(writer, b"a")
        dialer.stdin.write(b"b")
        dialer.stdin.flush()
        if read_exactly(process.stdout.fileno(), 1) != b"b":
            check(False, "the other direction is held up")
            break
    dialer.stdin.close()
    os.close(writer)
    thread.join()
    check(stolen[0] > 0, "the other reader got nothing")
    check(len(read_to_end(dialer.stdout.fileno())) == 2000 - stolen[0], "not what was left")
    check(kith.status(dialer) == 0, "the dialer failed")
    check(kith.status(process) == 0, "the listener failed")


# --- sockets

AND_AFTER = ("sh", "-c", '"$@"; echo after', "sh")


def _pair(family):
    """Two ends of a connection."""
    if family == socket.AF_UNIX:
        return socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as server:
        return socket.create_connection(server.getsockname()), server.accept()[0]


def socket_half_close():
    """Who has given us a socket sees the peer's end, and can go on saying something."""
    for family in socket.AF_UNIX, socket.AF_INET:
        process, address = kith.listen(stdin=file_of(CONTENT), stdout=subprocess.PIPE)
        ours, its = _pair(family)
        dialer = kith.dial(address, stdin=its, stdout=its)
        its.close()
        check(read_to_end(ours.fileno()) == CONTENT, "not what was sent")
        ours.sendall(b"answer")
        ours.shutdown(socket.SHUT_WR)
        check(read_to_end(process.stdout.fileno()) == b"answer", "not what was answered")
        check(kith.status(dialer) == 0, "the dialer failed")
        check(kith.status(process) == 0, "the listener failed")


def _shared(family, stdin, ends_first):
    process, address = kith.listen(stdin=file_of(CONTENT), stdout=subprocess.PIPE)
    ours, its = _pair(family)
    dialer = kith.dial(address, launcher=AND_AFTER, stdin=its if stdin is None else stdin, stdout=its)
    its.close()
    if ends_first:
        ours.shutdown(socket.SHUT_WR)
    check(read_exactly(ours.fileno(), len(CONTENT)) == CONTENT, "not what was sent")
    if not ends_first:
        ours.shutdown(socket.SHUT_WR)
    check(read_to_end(ours.fileno()) == b"after\n", "not what comes after")
    check(kith.status(dialer) == 0, "the shell failed")
    check(kith.status(process) == 0, "the listener failed")


def shared_socket():
    """A shell that goes on behind us has its say, whoever ends first."""
    for family in socket.AF_UNIX, socket.AF_INET:
        _shared(family, None, True)
        _shared(family, None, False)
        _shared(family, subprocess.DEVNULL, False)


# --- a terminal


def _typed(process, terminal, receiver, ended):
    """What is typed once the peer has ended arrives, and ^D ends it."""
    ended()
    check(process.poll() is None, "it did not wait for what is typed")
    os.write(terminal, b"typed\n")
    os.write(terminal, b"\4")
    check(read_to_end(receiver.stdout.fileno()) == b"typed\n", "what was typed did not arrive")
    check(kith.status(process) == 0, "who typed failed")
    check(kith.status(receiver) == 0, "who received failed")


def typing():
    """A terminal is waited for by who sends only, and while the peer has said nothing."""
    for options, receives in (["--send-only"], ["--recv-only"]), ([], ["--recv-only"]), ([], []):
        master, slave = os.openpty()
        receiver, address = kith.listen(*receives, stdout=subprocess.PIPE)
        dialer = kith.dial(address, *options, stdin=slave, stdout=subprocess.PIPE)
        out = dialer.stdout.fileno()
        if options:  # nothing shows that the peer's end is here: an instant is enough for that
            ended = lambda out=out: select.select([out], [], [], 0.5)
        else:
            ended = lambda out=out: read_to_end(out)
        _typed(dialer, master, receiver, ended)
        os.close(slave)


def typing_to_a_caller():
    """The same where we were called, at a terminal that shows what arrives, or to send only."""
    for options in [], ["--send-only"]:
        master, slave = os.openpty()
        process, address = kith.listen(*options, stdin=slave, stdout=slave, stderr=slave)
        dialer = kith.dial(address, "--recv-only", stdout=subprocess.PIPE)
        if options:
            ended = lambda: select.select([], [], [], 0.5)
        else:
            ended = lambda master=master: eventually(lambda: b"typed here" in os.read(master, 4096))
        _typed(process, master, dialer, ended)
        os.close(slave)


def master_goes_on():
    """A program at the slave is no terminal: it goes on when the peer has ended."""
    master, slave = pseudo_terminal()
    process, address = kith.listen(stdin=master, stdout=master)
    dialer = kith.dial(address, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    dialer.stdin.write(b"question")
    dialer.stdin.close()
    check(read_exactly(slave, 8) == b"question", "not what was asked")
    check(not select.select([dialer.stdout], [], [], 0.5)[0], "its direction has ended")
    os.write(slave, b"answer")
    check(read_exactly(dialer.stdout.fileno(), 6) == b"answer", "the answer is lost")
    os.close(slave)
    check(kith.status(dialer) == 0, "the dialer failed")
    check(kith.status(process) == 0, "the listener failed")


def _set_width(terminal, columns):
    """What was shown before is not to be seen any more."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    while select.select([terminal], [], [], 0)[0]:
        os.read(terminal, 4096)


def _lines_of(terminal, count):
    """So many whole lines as --progress shows them, without what clears the rest of the row."""
    data = b""
    while data.count(b"\r") <= count + 1 and select.select([terminal], [], [], LIMIT)[0]:
        data += os.read(terminal, 4096)
    return [line.replace(b"\x1b[K", b"") for line in data.split(b"\r")[1:-1]]


def narrow():
    """The line of --progress fits, also when the terminal is made narrower."""
    master, slave = os.openpty()
    reading, writing = os.pipe()
    process, address = kith.listen()
    _set_width(master, 200)
    dialer = kith.dial(address, "--progress", stdin=reading, stderr=slave)
    os.write(writing, b"some")
    wide = _lines_of(master, 2)
    check(b"received" in wide[-1] and b"0:00:0" in wide[-1], "not all is shown:", wide)
    for columns in 80, 40, 20, 12, 2, 1:
        _set_width(master, columns)
        longest = max(len(line) for line in _lines_of(master, 2)[1:])
        check(longest < columns, "a line of", longest, "where", columns, "columns are")
        check(columns < 12 or longest > 7, "next to nothing is shown in", columns, "columns")
    os.close(reading)
    os.close(writing)
    check(kith.status(dialer) == 0, "the dialer failed")
    check(kith.status(process) == 0, "the listener failed")


def main():
    subject = globals().get(sys.argv[1]) if not sys.argv[1].startswith("_") else None
    subject(*sys.argv[2:])
    for failure in _failures:
        print(failure)
    sys.exit(1 if _failures else 0)


if __name__ == "__main__":
    main()
