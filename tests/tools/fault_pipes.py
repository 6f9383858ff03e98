"""Scenarios of faults of one call: check, dial and listen, and a super-server's."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

import daemons
import inetd
import kith
from fault_parts import (
    DAEMON, DATA, STANDING, TIMES, WAY, echo, encrypt, honest_call, left_early, public_of, read_file,
    start_ready, target, write_file)

def check(run):
    """Whether a peer is there."""
    far = echo()
    with open("out", "wb") as out:
        process = run.start("alice", "check", *TIMES, f"bob@{far.address}", stdout=out)
        run.ends(process, "call")
    said = read_file("out")
    run.check(said.count(b"\n") == (1 if run.status == 0 else 0) or run.status != 0,
              "on stdout:", said)


def dial(run, host="127.0.0.1", options=(), far=None):
    """A call that says something and hears it again."""
    far = far or echo()
    port = far.address.rpartition(":")[2]
    write_file("in", DATA)
    with open("in", "rb") as given, open("out", "wb") as out:
        process = run.start("alice", "dial", *TIMES, *options, f"bob@{host}:{port}",
                            stdin=given, stdout=out)
        run.ends(process, "call", "channel")
    run.check_bytes("stdout", "out", DATA, run.status == 0)


def dial_by_name(run):
    """The same of a name that has to be resolved."""
    dial(run, "localhost", ("-4",))


def dial_again(run):
    """The same with --retry."""
    dial(run, options=("--retry", "1s"))


def dial_encrypted(run):
    """The same with a passphrase."""
    encrypt("alice")
    dial(run, options=("-i", "alice/encrypted", "--passphrase-file", "alice/passphrase"))


def dial_via(run):
    """The same by a command that leads there."""
    dial(run, options=("--via", WAY))


@contextlib.contextmanager
def _secret(who, other):
    """Both have a secret namespace in their line for each other, while this lasts."""
    if not os.path.exists("secret"):
        subprocess.run([kith.KITH, "keygen", "--namespace", "secret"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    secret = os.path.abspath("secret").encode()
    write_file(f"{who}/secret.peers", b'namespace-file="%s" ' % secret + read_file(f"{other}/identity.pub"))
    yield "-a", f"{who}/secret.peers"


def dial_secret(run):
    """The same under a namespace that is a secret of these two."""
    with _secret("bob", "alice") as his, _secret("alice", "bob") as hers:
        far = STANDING.get("secret")
        if far is None or far.process.poll() is not None:
            far = STANDING["secret"] = daemons.serve(["cat"], *DAEMON, *his, log="secret.err")
        dial(run, options=hers, far=far)


def _agent():
    """An ssh-agent with a key that alice is known by, of whom who knows it gives all back."""
    if "agent" not in STANDING:
        shutil.rmtree("agent", ignore_errors=True)
        os.mkdir("agent")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "agent/key"], check=True)
        path = os.path.abspath("agent/socket")
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        kith.also_started(agent)
        while subprocess.run(["ssh-add", "-q", "agent/key"], env={**os.environ, "SSH_AUTH_SOCK": path},
                             stderr=subprocess.DEVNULL, check=False).returncode:
            time.sleep(0.01)
        write_file("agent/peers", public_of("agent/key.pub") + b" alice\n")
        far = daemons.serve(["cat"], *DAEMON, "-a", "agent/peers", log="agent.err")
        STANDING["agent"] = far, path
    return STANDING["agent"]


def dial_agent(run):
    """The same with a key that an agent has."""
    far, path = _agent()
    os.environ["SSH_AUTH_SOCK"] = path
    dial(run, options=("-i", "agent:"), far=far)


def dial_pipes(run):
    """The same from a pipe to a pipe."""
    data = DATA[:50000]
    process = run.start("alice", "dial", *TIMES, f"bob@{echo().address}",
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        heard = process.communicate(data, kith.LIMIT)[0]
    except subprocess.TimeoutExpired:
        heard = b""
    run.ends(process, "call", "channel")
    write_file("out", heard)
    run.check_bytes("stdout", "out", data, run.status == 0)


def dial_program(run):
    """The same with a program that says it and hears it again."""
    write_file("in", DATA)
    write_file("out", b"")
    process = run.start("alice", "dial", *TIMES, f"bob@{echo().address}",
                        "--exec", "sh", "-c", "cat in; exec cat >out")
    run.ends(process, "call", "channel")
    run.check_bytes("the program", "out", DATA, run.status == 0 and not left_early(run))


def listen(run):
    """One call is taken; who called before it, and failed, may call again."""
    said = b"from bob" * 1000
    write_file("in.bob", said)
    with open("in.bob", "rb") as given, open("out", "wb") as out:
        process, address = start_ready(run, "bob", "listen", *TIMES, "127.0.0.1:0", stdin=given,
                                        stdout=out)
    _one_call(run, process, address, said)
    run.check_bytes("stdout", "out", DATA, run.status == 0)


def _one_call(run, process, address, said, also=()):
    """It is taken by this listener, which then ends. Whether who called was told that it was whole."""
    whole = False
    for _ in range(3):
        if not address or process.poll() is not None:
            break
        whole = honest_call(run, address, said)
        if whole:
            break
    else:
        run.check(run.fault.lasting, "nobody was served")
        address = None
    if not address and process.poll() is None:
        process.send_signal(signal.SIGTERM)
        run.ends(process, "setup", also={-signal.SIGTERM, *also})
        return whole
    run.ends(process, "setup", "channel", also=also)
    return whole


def _left(run):
    """What a fault has left in the folder new, but for what may have a name of ours for a while: if
    that is not to be removed, or who would remove it is killed."""
    names = set(os.listdir("new"))
    if run.fault.call == "unlinkat" or run.fault.word == "kill":
        names = {name for name in names if not name.startswith(".kith-")}
    return names


def listen_output(run, *options, old=None, also=()):
    """One call is taken, and is there under its name, whole, or what was there before is. Nobody is
    told that it arrived if it is not there."""
    shutil.rmtree("new", ignore_errors=True)
    os.mkdir("new")
    if old is not None:
        write_file("new/file", old)
    process, address = start_ready(run, "bob", "listen", *TIMES, "--recv-only", *options,
                                    "-o", "new/file", "127.0.0.1:0")
    whole = _one_call(run, process, address, b"", also)
    names = _left(run)
    run.check(names <= {"file"}, "files are left:", names)
    found = read_file("new/file") if "file" in names else None
    if whole or run.status == 0:
        run.check(found == DATA, "it was called whole, and is not there")
    run.check(found in (DATA, old), "what is there is neither whole nor as it was")


def listen_output_over(run, also=()):
    """The same in the place of another file."""
    listen_output(run, "--force", old=b"old", also=also)


def killed_output(run):
    """The same, killed at each call, one process or the other."""
    listen_output(run, also={-signal.SIGKILL})


def killed_output_over(run):
    """And in the place of another file."""
    listen_output_over(run, also={-signal.SIGKILL})


def dial_output(run):
    """What a call brings is there under its name, whole, or nothing is."""
    shutil.rmtree("new", ignore_errors=True)
    os.mkdir("new")
    write_file("in", DATA)
    with open("in", "rb") as given:
        process = run.start("alice", "dial", *TIMES, "-o", "new/file", f"bob@{echo().address}",
                            stdin=given)
        run.ends(process, "call", "channel")
    names = _left(run)
    run.check(names <= {"file"}, "files are left:", names)
    run.check(run.status != 0 or "file" in names, "it was called whole, and is not there")
    run.check("file" not in names or read_file("new/file") == DATA, "what is there is not whole")


def _taken(run, expected, start):
    """One call, taken by the subject itself: start() starts it at a connection. Whether it was whole."""
    write_file("in", DATA)
    with socket.create_server(("127.0.0.1", 0)) as server:
        with open("in", "rb") as given, open("heard", "wb") as out:
            caller = kith.start("alice", "dial", *TIMES, "bob@127.0.0.1:%d" % server.getsockname()[1],
                                stdin=given, stdout=out)
        with server.accept()[0] as connection:
            process = start(connection)
    status = kith.status(caller)
    run.check(status in (0, 4, 5, 7, 8), "who called ended with", status)
    run.ends(process, "call", "channel", daemon=run.command[0] == "serve")
    run.check_bytes("who called", "heard", expected, status == 0 and not left_early(run))
    return status == 0


def listen_inetd(run):
    """A super-server's call is taken, of which a program has all, or its caller is told."""
    write_file("out", b"")
    _taken(run, b"", lambda connection: run.start(
        "bob", "listen", *TIMES, "--inetd", "--exec", "sh", "-c", "cat >out", stdin=connection,
        stdout=connection))
    run.check_bytes("the program", "out", DATA, run.status == 0 and not left_early(run))


def serve_inetd(run):
    """The same for a target."""
    _taken(run, DATA, lambda connection: run.start(
        "bob", "serve", *DAEMON, "--inetd", target(), stdin=connection, stdout=connection))


def serve_inetd_pipes(run):
    """The same between two pipes."""
    def start(connection):
        process = run.start("bob", "serve", *DAEMON, "--inetd", target(), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
        inetd.lead(connection, process.stdin, process.stdout).join(kith.LIMIT)
        return process
    _taken(run, DATA, start)


def listen_program(run):
    """One call is taken, of which a program has all, or its caller is told that it has not."""
    write_file("out", b"")
    process, address = start_ready(run, "bob", "listen", *TIMES, "127.0.0.1:0",
                                    "--exec", "sh", "-c", "cat >out")
    _one_call(run, process, address, b"")
    run.check_bytes("the program", "out", DATA, run.status == 0 and not left_early(run))
