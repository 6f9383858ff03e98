"""Strings that somebody else controls, at every place where kith shows one: what comes out steers no
terminal, forges no line, and is what came in.

usage: shown.py SUBJECT     run in a directory with alice and bob in it

Each subject is a function here. Prints what was shown wrongly; exits 1 if anything was."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

import daemons
import kith
from daemons import check, eventually

# By what it would do. None has a NUL or a slash: these end an argument, or make a path of it.
STRINGS = {
    "format": b"%n%s%1$n%99999d",
    "escape": b"x\x1b[31mred",
    "operating system command": b"x\x1b]0;title\x07",
    "C1 in UTF-8": "x\u009b31m".encode(),
    "C1 as a byte": b"x\x9b31m",
    "delete": b"x\x7f\x08\x08",
    "new line": b"x\nkith: forged: a line of another",
    "carriage return": b"x\rkith: forged: over it",
    "no UTF-8": b"x\xff\xfe",
    "not the shortest": b"x\xc0\xaf",
    "a surrogate": b"x\xed\xa0\x80",
    "cut UTF-8": b"x\xe2\x80",
    "from right to left": "x\u202egnp.exe".encode(),
    "isolated": "\u2067x\u2069".encode(),
    "byte order mark": "\ufeffx".encode(),
    "no width": "x\u200by".encode(),
    "backslash": rb"x\x1b[31m",
    "quotes": b"x\"',why=y\"",
    "long": b"x" * 5000,
}
ALL_IN_ONE = b"%n\x1b[31m\x9b\xc2\x9b\nkith: forged: x\r\xff\xe2\x80\xae\\\""
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def escaped(text):
    """How kith shows it, were there room."""
    return "".join(chr(c) if 0x20 <= c <= 0x7E and c != 0x5C else f"\\x{c:02x}" for c in text)


def check_plain(shown, *case):
    """Printable ASCII in lines of kith's own."""
    check(shown, *case, "nothing is shown")
    check(not shown.strip(b"\n") or re.fullmatch(rb"[ -~\n]*", shown), *case, "shown as it came:", shown)
    check(b"\nkith: forged" not in b"\n" + shown, *case, "a line was forged:", shown)


def run(who, arguments, environment=None):
    """The status, and all that was shown."""
    ended = subprocess.run(
        [kith.KITH, *arguments], env={**os.environ, "KITH_DIR": who, **(environment or {})},
        stdin=subprocess.DEVNULL, capture_output=True, timeout=kith.LIMIT, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def is_json(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def file_of(name, *content):
    with open(name, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        for part in content:
            file.write(part if isinstance(part, bytes) else part.encode())
    return name


NOWHERE = "127.0.0.1:1"


def dial(*arguments):
    return ["dial", "-w", "1s", *arguments]


# By where the string comes from: what runs with it.
PLACES = {
    "a command": lambda text: [text],
    "an option": lambda text: ["dial", b"--" + text, NOWHERE],
    "an option's value": lambda text: ["listen", "--handshake-timeout", text, "127.0.0.1:0"],
    "too many arguments": lambda text: dial("bob@" + NOWHERE, text),
    "the peer's name": lambda text: dial(text + b"@" + NOWHERE.encode()),
    "the peer's host": lambda text: dial(b"bob@" + text + b":1"),
    "the peer's port": lambda text: dial(b"bob@127.0.0.1:" + text),
    "the peer's file": lambda text: dial(b"./" + text + b".pub@" + NOWHERE.encode()),
    "--peer": lambda text: ["listen", "-p", text, "127.0.0.1:0"],
    "--identity": lambda text: dial("-i", b"./" + text, "bob@" + NOWHERE),
    "--peers": lambda text: dial("-a", b"./" + text, "bob@" + NOWHERE),
    "--passphrase-file": lambda text: dial("-i", "locked", "--passphrase-file", b"./" + text, "bob@" + NOWHERE),
    "--source": lambda text: dial("--source", text, "bob@" + NOWHERE),
    "--log-format": lambda text: dial("--log-format", text, "bob@" + NOWHERE),
    "an address to listen on": lambda text: ["listen", text + b":0"],
    "a path to listen on": lambda text: ["forward", b"./none/" + text[:60], "bob@" + NOWHERE],
    "a target": lambda text: ["serve", "127.0.0.1:0", text + b":x"],
    "keygen -n": lambda text: ["keygen", "-n", text + b"/", "key"],
    "keygen's file": lambda text: ["keygen", b"none/" + text + b"/"],
    "pubkey's file": lambda text: ["pubkey", b"./" + text],
    "a key's name": lambda text: dial("-a", file_of("p", PUBLIC, b" ", text, b" y\n"), "bob@" + NOWHERE),
    "a key's text": lambda text: dial("-a", file_of("p", text, b"\n"), "bob@" + NOWHERE),
    "a key's type": lambda text: dial("-a", file_of("p", b"ssh-", text, b" AAAA x\n"), "bob@" + NOWHERE),
    "a key's option": lambda text: dial("-a", file_of("p", text, b"=\"1\" ", PUBLIC, b" x\n"), "bob@" + NOWHERE),
    "a key's addr": lambda text: dial("-a", file_of("p", b"addr=\"", text, b"\" ", PUBLIC, b" x\n"), "x"),
    "a key's from": lambda text: dial("-a", file_of("p", b"from=\"", text, b"\" ", PUBLIC, b" x\n"), "x@" + NOWHERE),
    "a file of keys": lambda text: ["listen", "-p", file_of("p.pub", PUBLIC, b" x\n", text, b"\n"), "127.0.0.1:0"],
    "the label of a PEM": lambda text: dial("-i", file_of("k", b"-----BEGIN ", text, b"-----\n"), "bob@" + NOWHERE),
    "the body of a PEM": lambda text: dial("-i", file_of(
        "k", b"-----BEGIN PRIVATE KEY-----\n", text, b"\n-----END PRIVATE KEY-----\n"), "bob@" + NOWHERE),
}

def refusals():
    """In the one line that says why a command did not come about, in text and in JSON."""
    subprocess.run(["openssl", "pkey", "-in", "alice/identity", "-aes256", "-passout", "pass:x", "-out",
                    "locked"], check=True)
    os.chmod("locked", 0o600)
    runs = 0
    every = 7 if "KITH_SANITIZED" in os.environ else 1  # it is slow
    for place, made in PLACES.items():
        for number, (name, text) in enumerate(list(STRINGS.items())[len(place) % every::every],
                                              len(place)):
            status, out, err = run("alice", made(text))
            check(status in (1, 2, 3, 4), place, name, "ended with", status, err)
            check(out == b"", place, name, "on stdout:", out)
            check_plain(err, place, name)
            lines = err.decode("ascii", "replace").splitlines()
            check(all(line.startswith("kith: ") for line in lines), place, name, lines)
            words = made(text)
            if number % 4 == 0 and "--log-format" not in words and words[0] != text:
                _, _, err = run("alice", [words[0], "--log-format", "json", *words[1:]])
                check_plain(err, place, name, "in JSON")
                check(all(map(is_json, err.splitlines())), place, name, "is no JSON:", err)
                runs += 1
            runs += 1
    print(len(STRINGS), "strings in", len(PLACES), "places:", runs, "runs", file=sys.stderr)


def notified(path):
    """What a supervisor that listens there was told so far, and is told later."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(path)
    server.setblocking(False)
    return server


def told(server):
    said = b""
    try:
        while True:
            said += server.recv(1 << 16) + b"\n"
    except BlockingIOError:
        return said


def knows(folder, content):
    file_of(f"{folder}/peers", content)


def public_of(who):
    with open(f"{who}/identity.pub", "rb") as file:
        return file.read().split()[0]


def status_of(daemon):
    """What it says of itself on SIGUSR1."""
    daemon.signal(signal.SIGUSR1)
    daemon.logged("totals")


def shows_channel(serve):
    serve.signal(signal.SIGUSR1)
    return "seconds" in serve.log()


def names_of_peers():
    """The name of a peer, in what is said of its calls, in the status, and to a supervisor."""
    name = "%n\u05d0\u200b\\x1b[31m\ufeff".encode()
    knows("bob", public_of("alice") + b" " + name)
    target = daemons.Target(handle=daemons.echo)
    supervisor = notified("supervisor")
    os.environ["NOTIFY_SOCKET"] = os.path.abspath("supervisor")
    for form in ("text", "json"):
        serve = daemons.serve(target.address, "-vv", "--log-format", form, log=f"{form}.log")
        dialer = kith.dial(daemons.host_and_port(serve.address), stdin=subprocess.PIPE)
        eventually(lambda: shows_channel(serve), "the status has the channel in it")
        check("%n" in serve.log(), "the name is not shown:", serve.log())
        dialer.stdin.close()
        kith.status(dialer)
        serve.stop()
        check_plain(serve.log().encode(), "the name of a peer in", form)
        check_plain(told(supervisor), "the name of a peer, to a supervisor")
        if form == "json":
            check(all(map(is_json, serve.log().splitlines())), "no JSON:", serve.log())


def paths_and_programs():
    """A path that is listened on, a target's, and a program, that have all of this in them. The line
    of --ready-fd is for a program, which has to find the path: there it is as it was given."""
    supervisor = notified("supervisor")
    os.environ["NOTIFY_SOCKET"] = os.path.abspath("supervisor")
    odd = os.fsdecode(b"./" + ALL_IN_ONE)
    serve = daemons.serve(odd, "-vv", log="target.log")
    local = "./%n\x1b[31m\u202e\\"
    forward = daemons.forward(serve, "-vv", local=local, log="local.log")
    check(forward.address == local, "the READY line has", forward.address)
    kith.status(kith.dial(daemons.host_and_port(serve.address)))
    serve.logged("target")
    program = daemons.serve([odd], "-vv", log="program.log")
    kith.status(kith.dial(daemons.host_and_port(program.address)))
    program.logged("No such file")
    for daemon in (serve, forward, program):
        status_of(daemon)
        daemon.stop()
        check("%n" in daemon.log(), "it is not shown:", daemon.log())
        check_plain(daemon.log().encode(), daemon.log_name)
    check_plain(told(supervisor), "to a supervisor")


def proxy_headers():
    """What a stranger sends in the place of a PROXY header, or of a hello."""
    target = daemons.Target(handle=daemons.echo)
    serve = daemons.serve(target.address, "-vv", "--accept-proxy", "127.0.0.1", log="proxy.log")
    for text in STRINGS.values():
        for header in (b"PROXY TCP4 " + text[:60] + b" 1.2.3.4 1 2\r\n", b"PROXY " + text[:80] + b"\r\n",
                       text):
            with daemons.connect(serve.address) as sock:
                sock.sendall(header)
                sock.shutdown(socket.SHUT_WR)
                daemons.read_to_end(sock)
    serve.logged("refused")
    status_of(serve)
    serve.stop()
    check_plain(serve.log().encode(), "a PROXY header")


def environment():
    """What comes by the environment."""
    for name, text in STRINGS.items():
        for variable in ("KITH_DIR", "KITH_IDENTITY", "KITH_PEERS", "NOTIFY_SOCKET", "LISTEN_FDS",
                         "LISTEN_PID", "TZ", "CREDENTIALS_DIRECTORY"):
            given = {variable.encode(): text}
            if variable in ("KITH_DIR", "KITH_IDENTITY", "KITH_PEERS"):
                given[variable.encode()] = b"./" + text
            status, out, err = run("alice", dial("bob@" + NOWHERE), given)
            check(status in (3, 4) and out == b"", variable, name, "ended with", status, out)
            check_plain(err, variable, name)


SUBJECTS = (refusals, names_of_peers, paths_and_programs, proxy_headers, environment)

if __name__ == "__main__":
    daemons.run_subject(SUBJECTS)
