"""What scenarios of faults have in common: who is honest and stays for many runs, and what is asked
of every subject that waits for calls."""

import os
import select
import subprocess

import daemons
import kith

DATA = bytes(range(256)) * 300  # more than a message
TIMES = ("-w", "3s")
DAEMON = (*TIMES, "--drain-timeout", "3s")
TOOLS = os.path.dirname(os.path.abspath(__file__))
WAY = f"unset LD_PRELOAD; exec python3 '{TOOLS}/../matrix/way.py' %h %p"


def write_file(path, data):
    with open(path, "wb") as file:
        file.write(data)


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def public_of(path):
    """The public key of an identity as a whole kith finds it, or None."""
    outcome = subprocess.run([kith.KITH, "pubkey", path], capture_output=True, check=False)
    return outcome.stdout.split()[0] if outcome.returncode == 0 else None


def encrypt(who):
    """Its identity with a passphrase, in a file of its own."""
    if not os.path.exists(f"{who}/encrypted"):
        write_file(f"{who}/passphrase", b"sesame\n")
        subprocess.run(["openssl", "pkcs8", "-topk8", "-v2", "aes-128-cbc", "-iter", "1",
                        "-passout", f"file:{who}/passphrase", "-in", f"{who}/identity",
                        "-out", f"{who}/encrypted"], check=True, stderr=subprocess.DEVNULL)
        os.chmod(f"{who}/encrypted", 0o600)
        os.chmod(f"{who}/passphrase", 0o600)


STANDING = {}


def echo():
    """An honest bob who gives everything back, the same for many runs."""
    far = STANDING.get("echo")
    if far is None or far.process.poll() is not None:
        far = STANDING["echo"] = daemons.serve(["cat"], *DAEMON, log="echo.err")
    return far


def target():
    if "target" not in STANDING:
        STANDING["target"] = daemons.Target(handle=daemons.echo)
    return STANDING["target"].address


def start_ready(run, who, command, *arguments, **streams):
    """The subject, and its address once it is ready: as it says, or else as it logs. None if it ends
    before that."""
    reading, writing = os.pipe()
    process = run.start(who, command, "-v", "--ready-fd", str(writing), *arguments,
                        pass_fds=[writing], **streams)
    os.close(writing)
    with os.fdopen(reading) as ready:
        if not select.select([ready], [], [], kith.LIMIT)[0]:
            run.check(False, "it neither becomes ready nor ends")
            return process, None
        address = ready.readline().strip().replace("?", "")
    if not address and process.poll() is None:
        logged = [event["which"] for event in run.said()[0]
                  if event["what"] == command and event["level"] != "error" and "which" in event]
        address = logged[0] if logged and logged[0] != "?" else None
    return process, address


def honest_call(run, address, expected, name=""):
    """An honest call of alice's, which is told the truth in any case: whether it was whole. name is
    of the target that it asks for, as :NAME."""
    write_file("in", DATA)
    with open("in", "rb") as given, open("heard", "wb") as out:
        status = kith.status(kith.start("alice", "dial", *TIMES, f"bob@{address}{name}", stdin=given,
                                        stdout=out))
    run.check(status in (0, 4, 5, 7, 8), "who called ended with", status)
    run.check_bytes("who called", "heard", expected, status == 0 and not left_early(run))
    return status == 0


def left_early(run):
    """A program need not read all, and this one seems to have gone."""
    has_program = any(word == "--exec" or "exec:" in word for word in run.command)
    return has_program and run.fault.word == "EPIPE"
