"""Files that are not what they should be, for each command that reads one: refused in one line that
says which and why, in bounded time and memory, whatever is there and whoever changes it meanwhile.

usage: files.py SUBJECT     run in a directory with alice and bob in it

Each subject is a function here. Prints what went otherwise; exits 1 if anything did."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading

import daemons
import kith
import primitives
from daemons import check

NOWHERE = "127.0.0.1:1"
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
SYSTEM_SAYS = "symbolic links|Input/output"
TIME = kith.LIMIT  # seconds; more is none that is bounded

# What reads a file, and what it calls it.
READERS = {
    "identity": lambda path: ["dial", "-w", "1s", "-i", path, "bob@" + NOWHERE],
    "peers": lambda path: ["dial", "-w", "1s", "-a", path, "bob@" + NOWHERE],
    "passphrase": lambda path: ["dial", "-i", "locked", "--passphrase-file", path, "bob@" + NOWHERE],
    "peer": lambda path: ["listen", "-p", path, "127.0.0.1:0"],
    "pubkey": lambda path: ["pubkey", path],
    "import": lambda path: ["import", path],
}
# The readers of secrets, and those of what decides who may come in.
SECRET = {"identity", "passphrase"}
TRUSTED = {"peers", "peer", "import"}
NOT_PEERS = set(READERS) - {"peers"}  # of whom there may be none


def text(content):
    def make(path):
        with open(path, "wb") as file:
            file.write(content)
    return make


def of_mode(mode):
    def make(path):
        text(PUBLIC.encode() + b" x\n")(path)
        os.chmod(path, mode)
    return make


def unix_socket(path):
    socket.socket(socket.AF_UNIX).bind(path)


def sparse(path):
    with open(path, "wb") as file:
        file.truncate(1 << 40)


def of_another(path):
    text(PUBLIC.encode() + b" x\n")(path)
    os.chmod(path, 0o600)
    os.chown(path, 65533, 65533)


# What is there: how it is made, and words of the message, of all readers or of some.
KINDS = {
    "missing": (lambda path: None, "no such file"),
    "a link to nowhere": (lambda path: os.symlink("nowhere", path), "no such file"),
    "a link to itself": (lambda path: os.symlink(path, path), SYSTEM_SAYS),
    "a folder": (os.mkdir, "folder"),
    "a FIFO": (os.mkfifo, "not a regular file"),
    "a socket": (unix_socket, "not a regular file"),
    "/dev/null": (lambda path: os.symlink("/dev/null", path), "not a regular file"),
    "/dev/zero": (lambda path: os.symlink("/dev/zero", path), "not a regular file"),
    "/dev/full": (lambda path: os.symlink("/dev/full", path), "not a regular file"),
    "/proc/self/mem": (lambda path: os.symlink("/proc/self/mem", path), SYSTEM_SAYS),
    "a tebibyte": (sparse, "too large"),
    "a NUL": (text(PUBLIC.encode() + b"\0 x\n"), "NUL"),
}
SOME_KINDS = {
    "empty": (text(b""), "empty", NOT_PEERS),
    "blank lines": (text(b"\r\n \t\n"), "empty", NOT_PEERS),
    "a mark and nothing": (text(b"\xef\xbb\xbf"), "empty", {"identity", "peer", "pubkey", "import"}),
    "one byte": (text(b"x"), "", set(READERS) - {"passphrase"}),
    "one NUL": (text(b"\0"), "NUL", set(READERS)),
    "that all can read": (of_mode(0o644), "others can read|a public key", SECRET),
    "that all can write": (of_mode(0o666), "others can (read|write)|a public key", SECRET | TRUSTED),
    "that its group can write": (of_mode(0o620), "others can|a public key", SECRET),
    "of another user": (of_another, "another user|a public key", SECRET),
}


def run(*arguments, feed=None):
    """The status, what was said, and the most memory in KiB; feed is another one's output."""
    process = subprocess.Popen(
        [kith.KITH, *arguments], env={**os.environ, "KITH_DIR": "alice"}, stdin=feed or subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    timer = threading.Timer(TIME, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    said = process.stderr.read().decode("ascii")
    _, status, used = os.wait4(process.pid, 0)
    timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode == -signal.SIGKILL:
        sys.exit(f"it does not end: {arguments}")
    return process.returncode, said, used.ru_maxrss


def check_refused(case, words, path, *arguments, **feed):
    status, said, _ = run(*arguments, **feed)
    check(status == 3, *case, "ended with", status, said)
    check(said.count("\n") == 1 and path in said and re.search(words, said), *case, "says", said)


def lock():
    subprocess.run(["openssl", "pkey", "-in", "alice/identity", "-aes256", "-passout", "pass:x", "-out",
                    "locked"], check=True)
    os.chmod("locked", 0o600)


def kinds():
    """Each kind of file for each reader."""
    lock()
    os.umask(0o077)
    every = [(kind, made, words, set(READERS)) for kind, (made, words) in KINDS.items()]
    every += [(kind, *rest) for kind, rest in SOME_KINDS.items()]
    count = 0
    for kind, make, words, readers in every:
        for reader in sorted(readers):
            path = f"./file-{count}"
            make(path)
            check_refused((reader, kind), words, path, *READERS[reader](path))
            count += 1
    print(len(every), "kinds of file,", len(READERS), "readers:", count, "refusals", file=sys.stderr)


def endless():
    """A pipe out of which more comes than anybody wants."""
    lock()
    for reader, made in READERS.items():
        for content in (["cat", "/dev/zero"], ["yes", "# a comment"], ["yes", ""]):
            with subprocess.Popen(content, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as source:
                check_refused((reader, content), "too large", "/dev/stdin", *made("/dev/stdin"),
                              feed=source.stdout)
                source.kill()


def swapped():
    """A peers file that is swapped for another, and back, all the time: it is the one or the other."""
    bob = primitives.multiples(2)[1].hex()
    files = {"one": f"{bob} one\n" * 1, "two": "# nothing\n" * 20000 + f"{bob} two\n"}
    over = threading.Event()

    def swap():
        while not over.is_set():
            for content in files.values():
                text(content.encode())("next")
                os.replace("next", "peers")

    text(files["one"].encode())("peers")
    thread = threading.Thread(target=swap)
    thread.start()
    for count in range(40):
        status, said, _ = run("dial", "-a", "peers", f"{('one', 'two')[count % 2]}@{NOWHERE}")
        check((status == 4 and "refused" in said) or (status == 3 and "no such name" in said),
              "a file that was swapped:", status, said)
    over.set()
    thread.join()


def many():
    """As many lines as there may be, and more."""
    lines = 55000  # as many keys as fit
    keys = [f"{key.hex()} p{number}\n" for number, key in enumerate(primitives.multiples(lines))]
    text("".join(keys).encode())("peers")
    status, said, kib = run("dial", "-a", "peers", f"p{lines - 1}@{NOWHERE}")
    check(status == 4, "the last of many:", status, said)
    check(kib < 100000, "many peers took", kib, "KiB")
    print(lines, "peers:", kib, "KiB", file=sys.stderr)
    text("".join(keys + ["# and more" * 10 + "\n"] * 5000).encode())("peers")
    check_refused(("more than fit",), "too large", "peers", *READERS["peers"]("peers"))
    text("".join(keys[:9999] + ["# nothing\n"] * 90000 + ["nonsense\n"]).encode())("peers")
    check_refused(("the last line",), "line 100000: .*nonsense", "peers", *READERS["peers"]("peers"))
    text("".join(keys[:9999] + ["# nothing\n"] * 90000 + [keys[7]]).encode())("peers")
    check_refused(("the last line",), "line 100000: .*of line 8", "peers", *READERS["peers"]("peers"))


def full():
    """A disk that is full, in the folder "full": keygen leaves what was there, or nothing."""
    status, said, _ = run("keygen", "full/key")
    check(status == 1 and "No space" in said, "on a full disk:", status, said)
    check(os.listdir("full") == ["filler"], "left behind:", os.listdir("full"))
    os.unlink("full/filler")
    status, said, _ = run("keygen", "full/key")
    check(status == 0, "with room:", status, said)
    with open("full/key", "rb") as file:
        before = file.read()
    fill("full/filler")
    status, said, _ = run("keygen", "-f", "full/key")
    check(status == 1 and "No space" in said, "on a full disk, with -f:", status, said)
    with open("full/key", "rb") as file:
        check(file.read() == before, "the old key was changed")
    check(sorted(os.listdir("full")) == ["filler", "key", "key.pub"], "left behind:", os.listdir("full"))


def fill(path):
    with open(path, "wb", 0) as file:
        try:
            while file.write(bytes(512)):
                pass
        except OSError:
            pass


if __name__ == "__main__":
    daemons.run_subject((kinds, endless, swapped, many, full))
