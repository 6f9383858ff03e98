"""Scenarios of faults about files: keys, and who is known."""

import contextlib
import fcntl
import os
import select
import shutil
import signal
import subprocess
import termios
import threading

import kith
from fault_parts import TIMES, encrypt, public_of, read_file, start_ready, write_file

def _check_folder(run, before):
    """Nothing half-written: whole files under their own names, or none."""
    names = sorted(os.listdir("new")) if os.path.exists("new") else []
    if run.fault.call == "unlink":  # which is how the name goes that it has while it is written
        names = [name for name in names if not name.startswith(".kith-")]
    run.check(set(names) <= {"identity", "identity.pub"}, "files are left:", names)
    if "identity" not in names:
        run.check("identity.pub" not in names, "a public key without a private one")
        run.check(not before and run.status != 0, "there is no identity")
        return
    key = public_of("new/identity")
    run.check(key is not None, "the identity cannot be read")
    run.check(os.stat("new/identity").st_mode & 0o777 == 0o600, "the identity's mode")
    if run.status == 0:
        run.check(read_file("new/identity.pub").split()[0] == key, "the two files do not match")
    elif not before:
        run.check(False, "an identity is left, though it failed")
    if os.path.exists("new/identity.pub"):
        run.check(len(read_file("new/identity.pub").split()[0]) == 64, "half a public key")


def keygen(run, *options):
    """A new identity in a new folder: both files or none, and printed if it is there."""
    before = bool(options)
    if not before:
        shutil.rmtree("new", ignore_errors=True)
    with open("out", "wb") as out:
        process = run.start("alice", "keygen", "-n", "x", *options, "new/identity", stdout=out)
        run.ends(process, "keys")
    if run.status != 0 and run.errors() and "stdout" in run.errors()[0]["what"]:
        before = True  # what could not be printed is there all the same
    _check_folder(run, before)
    if run.status == 0:
        run.check(read_file("out") == read_file("new/identity.pub"), "what is printed is not the key")


def keygen_force(run):
    """The same in the place of an old one: that or the new one is there, whole."""
    shutil.rmtree("new", ignore_errors=True)
    subprocess.run([kith.KITH, "keygen", "-q", "new/identity"], check=True,
                   stdout=subprocess.DEVNULL)
    keygen(run, "-f")


def pubkey(run, *options, path="alice/identity"):
    """The public key and nothing but it."""
    with open("out", "wb") as out:
        run.ends(run.start("alice", "pubkey", *options, path, stdout=out), "keys")
    run.check_bytes("stdout", "out", read_file("alice/identity.pub").split()[0] + b"\n",
                    run.status == 0)


def keygen_namespace(run):
    """A secret namespace in a new folder: the file is whole, or not there."""
    shutil.rmtree("new", ignore_errors=True)
    run.ends(run.start("alice", "keygen", "--namespace", "new/namespace"), "keys")
    names = set(os.listdir("new")) if os.path.exists("new") else set()
    if run.fault.call in ("unlink", "unlinkat"):
        names = {name for name in names if not name.startswith(".kith-")}
    run.check(names <= {"namespace"}, "files are left:", names)
    run.check(run.status != 0 or "namespace" in names, "it is well, and there is none")
    if "namespace" in names:
        run.check(os.stat("new/namespace").st_mode & 0o777 == 0o600, "the namespace's mode")
        run.check(len(read_file("new/namespace").strip()) > 32, "half a namespace")


def pubkey_encrypted(run):
    """Of a key that has a passphrase."""
    encrypt("alice")
    pubkey(run, "--passphrase-file", "alice/passphrase", path="alice/encrypted")


def _newcomer(who):
    """Somebody with an identity who knows nobody but who is in a line of theirs."""
    shutil.rmtree(who, ignore_errors=True)
    os.mkdir(who, 0o700)
    shutil.copy({"ann": "alice", "ben": "bob"}[who] + "/identity", who)
    write_file(f"{who}/peers", b"# nobody yet\n")


def _check_known(run, who, line):
    """The peers file is as it was, or has the whole line as well, which it has if all is well."""
    known = read_file(f"{who}/peers")
    left = set(os.listdir(who)) - {"identity", "peers"}
    if run.fault.call in ("unlink", "unlinkat") or run.fault.word == "kill":
        left = {name for name in left if not name.startswith(".kith-")}
    run.check(not left, "files are left:", left)
    run.check(known in (b"# nobody yet\n", b"# nobody yet\n" + line), "the peers file has", known)
    run.check(run.status != 0 or line in known, "it is well, and the line is not there")


def import_keys(run):
    """A key of somebody's is added, or nothing is."""
    _newcomer("ann")
    run.ends(run.start("ann", "import", "bob/identity.pub", "ben"), "keys")
    _check_known(run, "ann", read_file("bob/identity.pub").split()[0] + b" ben\n")


def _sit_at(terminal):
    """Say yes to all that is asked there, until nobody is left at it; and to what asks nothing for
    long, that it is to end."""
    shown = b""
    with contextlib.suppress(OSError):
        while True:
            if not select.select([terminal], [], [], 5)[0]:
                os.write(terminal, b"\x04")
                continue
            shown += os.read(terminal, 4096)
            for asked, answer in ((b"(yes/no)? ", b"yes\n"), (b"[ann]: ", b"\n"), (b"[ben]: ", b"\n"),
                                  (b"other side: ", b"somebody\n")):
                if asked in shown:
                    shown = shown.partition(asked)[2]
                    os.write(terminal, answer)
    os.close(terminal)


@contextlib.contextmanager
def _seat():
    """What a process is to be started with that has a terminal, at which somebody sits."""
    terminal, its_side = os.openpty()
    sitting = threading.Thread(target=_sit_at, args=(terminal,), daemon=True)
    sitting.start()
    try:
        yield {"stdin": its_side, "start_new_session": True,
               "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)}
    finally:
        os.close(its_side)


def _meet_partner(who, *arguments):
    """The other one of a meeting, whole."""
    reading, writing = os.pipe()
    with _seat() as seat:
        process = kith.start(who, "meet", "--ready-fd", str(writing), "-n", who, *arguments,
                             pass_fds=[writing], **seat)
    os.close(writing)
    return process, reading


def _end_partner(process):
    """It may wait for somebody who does not come any more."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    return kith.status(process)


def meet(run):
    """Who calls has the other's line, or is told that it has not."""
    _newcomer("ann")
    _newcomer("ben")
    partner, reading = _meet_partner("ben", "--listen", "127.0.0.1:0")
    with os.fdopen(reading) as ready:
        address = ready.readline().strip()
    with _seat() as seat:
        run.ends(run.start("ann", "meet", *TIMES, "-n", "ann", address, **seat), "keys", "call", "channel")
    run.check(_end_partner(partner) in (0, 5, 7, 143, -15), "the other one ended with", partner.returncode)
    _check_known(run, "ann", b'addr="%s" %s ben\n' % (address.encode(),
                                                      read_file("bob/identity.pub").split()[0]))


def meet_listen(run):
    """The same of the one who waits."""
    _newcomer("ann")
    _newcomer("ben")
    with _seat() as seat:
        process, address = start_ready(run, "ben", "meet", *TIMES, "-n", "ben", "--listen",
                                        "127.0.0.1:0", **seat)
        if address:
            partner, reading = _meet_partner("ann", address)
            os.close(reading)
            kith.status(partner)
        if not address or partner.returncode != 0:  # it waits for somebody else
            process.send_signal(signal.SIGTERM)
        run.ends(process, "setup", "call", "channel", also={-signal.SIGTERM})
    _check_known(run, "ben", read_file("alice/identity.pub").split()[0] + b" ann\n")
