"""What kith is asked to do while something in it fails, each with all that has to hold after it. In a
directory with the folders alice and bob, who know each other; nobody fails but the subject."""

import contextlib
import fcntl
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import termios
import threading
import time

import daemons
import inetd
import kith

DATA = bytes(range(256)) * 300  # more than a message
LOG_CALLS = ("write", "send", "poll", "read")  # by which a line is lost, as is said with the next
TIMES = ("-w", "3s")
DAEMON = (*TIMES, "--drain-timeout", "3s")


def _write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def _read(path):
    with open(path, "rb") as file:
        return file.read()


# Keys


def _public_of(path):
    """The public key of an identity as a whole kith finds it, or None."""
    outcome = subprocess.run([kith.KITH, "pubkey", path], capture_output=True, check=False)
    return outcome.stdout.split()[0] if outcome.returncode == 0 else None


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
    key = _public_of("new/identity")
    run.check(key is not None, "the identity cannot be read")
    run.check(os.stat("new/identity").st_mode & 0o777 == 0o600, "the identity's mode")
    if run.status == 0:
        run.check(_read("new/identity.pub").split()[0] == key, "the two files do not match")
    elif not before:
        run.check(False, "an identity is left, though it failed")
    if os.path.exists("new/identity.pub"):
        run.check(len(_read("new/identity.pub").split()[0]) == 64, "half a public key")


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
        run.check(_read("out") == _read("new/identity.pub"), "what is printed is not the key")


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
    run.check_bytes("stdout", "out", _read("alice/identity.pub").split()[0] + b"\n",
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
        run.check(len(_read("new/namespace").strip()) > 32, "half a namespace")


def _encrypt(who):
    """Its identity with a passphrase, in a file of its own."""
    if not os.path.exists(f"{who}/encrypted"):
        _write(f"{who}/passphrase", b"sesame\n")
        subprocess.run(["openssl", "pkcs8", "-topk8", "-v2", "aes-128-cbc", "-iter", "1",
                        "-passout", f"file:{who}/passphrase", "-in", f"{who}/identity",
                        "-out", f"{who}/encrypted"], check=True, stderr=subprocess.DEVNULL)
        os.chmod(f"{who}/encrypted", 0o600)
        os.chmod(f"{who}/passphrase", 0o600)


def pubkey_encrypted(run):
    """Of a key that has a passphrase."""
    _encrypt("alice")
    pubkey(run, "--passphrase-file", "alice/passphrase", path="alice/encrypted")


# Pipes


_standing = {}


def _echo():
    """An honest bob who gives everything back, the same for many runs."""
    far = _standing.get("echo")
    if far is None or far.process.poll() is not None:
        far = _standing["echo"] = daemons.serve(["cat"], *DAEMON, log="echo.err")
    return far


def check(run):
    """Whether a peer is there."""
    far = _echo()
    with open("out", "wb") as out:
        process = run.start("alice", "check", *TIMES, f"bob@{far.address}", stdout=out)
        run.ends(process, "call")
    said = _read("out")
    run.check(said.count(b"\n") == (1 if run.status == 0 else 0) or run.status != 0,
              "on stdout:", said)


def dial(run, host="127.0.0.1", options=(), far=None):
    """A call that says something and hears it again."""
    far = far or _echo()
    port = far.address.rpartition(":")[2]
    _write("in", DATA)
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
    _encrypt("alice")
    dial(run, options=("-i", "alice/encrypted", "--passphrase-file", "alice/passphrase"))


WAY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "matrix", "way.py")


def dial_via(run):
    """The same by a command that leads there."""
    dial(run, options=("--via", f"unset LD_PRELOAD; exec python3 '{WAY}' %h %p"))


@contextlib.contextmanager
def _secret(who, other):
    """Both have a secret namespace in their line for each other, while this lasts."""
    if not os.path.exists("secret"):
        subprocess.run([kith.KITH, "keygen", "--namespace", "secret"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    secret = os.path.abspath("secret").encode()
    _write(f"{who}/secret.peers", b'namespace-file="%s" ' % secret + _read(f"{other}/identity.pub"))
    yield "-a", f"{who}/secret.peers"


def dial_secret(run):
    """The same under a namespace that is a secret of these two."""
    with _secret("bob", "alice") as his, _secret("alice", "bob") as hers:
        far = _standing.get("secret")
        if far is None or far.process.poll() is not None:
            far = _standing["secret"] = daemons.serve(["cat"], *DAEMON, *his, log="secret.err")
        dial(run, options=hers, far=far)


def _agent():
    """An ssh-agent with a key that alice is known by, of whom who knows it gives all back."""
    if "agent" not in _standing:
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
        _write("agent/peers", _public_of("agent/key.pub") + b" alice\n")
        far = daemons.serve(["cat"], *DAEMON, "-a", "agent/peers", log="agent.err")
        _standing["agent"] = far, path
    return _standing["agent"]


def dial_agent(run):
    """The same with a key that an agent has."""
    far, path = _agent()
    os.environ["SSH_AUTH_SOCK"] = path
    dial(run, options=("-i", "agent:"), far=far)


def dial_pipes(run):
    """The same from a pipe to a pipe."""
    data = DATA[:50000]
    process = run.start("alice", "dial", *TIMES, f"bob@{_echo().address}",
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        heard = process.communicate(data, kith.LIMIT)[0]
    except subprocess.TimeoutExpired:
        heard = b""
    run.ends(process, "call", "channel")
    _write("out", heard)
    run.check_bytes("stdout", "out", data, run.status == 0)


def dial_program(run):
    """The same with a program that says it and hears it again."""
    _write("in", DATA)
    _write("out", b"")
    process = run.start("alice", "dial", *TIMES, f"bob@{_echo().address}",
                        "--exec", "sh", "-c", "cat in; exec cat >out")
    run.ends(process, "call", "channel")
    run.check_bytes("the program", "out", DATA, run.status == 0 and not _left_early(run))


def _start_ready(run, who, command, *arguments, **streams):
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


def _call(run, address, expected, name=""):
    """An honest call of alice's, which is told the truth in any case: whether it was whole. name is
    of the target that it asks for, as :NAME."""
    _write("in", DATA)
    with open("in", "rb") as given, open("heard", "wb") as out:
        status = kith.status(kith.start("alice", "dial", *TIMES, f"bob@{address}{name}", stdin=given,
                                        stdout=out))
    run.check(status in (0, 4, 5, 7, 8), "who called ended with", status)
    run.check_bytes("who called", "heard", expected, status == 0 and not _left_early(run))
    return status == 0


def _left_early(run):
    """A program need not read all, and this one seems to have gone."""
    return "--exec" in run.command and run.fault.word == "EPIPE"


def listen(run):
    """One call is taken; who called before it, and failed, may call again."""
    said = b"from bob" * 1000
    _write("in.bob", said)
    with open("in.bob", "rb") as given, open("out", "wb") as out:
        process, address = _start_ready(run, "bob", "listen", *TIMES, "127.0.0.1:0", stdin=given,
                                        stdout=out)
    _one_call(run, process, address, said)
    run.check_bytes("stdout", "out", DATA, run.status == 0)


def _one_call(run, process, address, said, also=()):
    """It is taken by this listener, which then ends. Whether who called was told that it was whole."""
    whole = False
    for _ in range(3):
        if not address or process.poll() is not None:
            break
        whole = _call(run, address, said)
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
        _write("new/file", old)
    process, address = _start_ready(run, "bob", "listen", *TIMES, "--recv-only", *options,
                                    "-o", "new/file", "127.0.0.1:0")
    whole = _one_call(run, process, address, b"", also)
    names = _left(run)
    run.check(names <= {"file"}, "files are left:", names)
    found = _read("new/file") if "file" in names else None
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
    _write("in", DATA)
    with open("in", "rb") as given:
        process = run.start("alice", "dial", *TIMES, "-o", "new/file", f"bob@{_echo().address}",
                            stdin=given)
        run.ends(process, "call", "channel")
    names = _left(run)
    run.check(names <= {"file"}, "files are left:", names)
    run.check(run.status != 0 or "file" in names, "it was called whole, and is not there")
    run.check("file" not in names or _read("new/file") == DATA, "what is there is not whole")


def _taken(run, expected, start):
    """One call, taken by the subject itself: start() starts it at a connection. Whether it was whole."""
    _write("in", DATA)
    with socket.create_server(("127.0.0.1", 0)) as server:
        with open("in", "rb") as given, open("heard", "wb") as out:
            caller = kith.start("alice", "dial", *TIMES, "bob@127.0.0.1:%d" % server.getsockname()[1],
                                stdin=given, stdout=out)
        with server.accept()[0] as connection:
            process = start(connection)
    status = kith.status(caller)
    run.check(status in (0, 4, 5, 7, 8), "who called ended with", status)
    run.ends(process, "call", "channel", daemon=run.command[0] == "serve")
    run.check_bytes("who called", "heard", expected, status == 0 and not _left_early(run))
    return status == 0


def listen_inetd(run):
    """A super-server's call is taken, of which a program has all, or its caller is told."""
    _write("out", b"")
    _taken(run, b"", lambda connection: run.start(
        "bob", "listen", *TIMES, "--inetd", "--exec", "sh", "-c", "cat >out", stdin=connection,
        stdout=connection))
    run.check_bytes("the program", "out", DATA, run.status == 0 and not _left_early(run))


def serve_inetd(run):
    """The same for a target."""
    _taken(run, DATA, lambda connection: run.start(
        "bob", "serve", *DAEMON, "--inetd", _target(), stdin=connection, stdout=connection))


def serve_inetd_pipes(run):
    """The same between two pipes."""
    def start(connection):
        process = run.start("bob", "serve", *DAEMON, "--inetd", _target(), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
        inetd.lead(connection, process.stdin, process.stdout).join(kith.LIMIT)
        return process
    _taken(run, DATA, start)


def listen_program(run):
    """One call is taken, of which a program has all, or its caller is told that it has not."""
    _write("out", b"")
    process, address = _start_ready(run, "bob", "listen", *TIMES, "127.0.0.1:0",
                                    "--exec", "sh", "-c", "cat >out")
    _one_call(run, process, address, b"")
    run.check_bytes("the program", "out", DATA, run.status == 0 and not _left_early(run))


# Who is known


def _newcomer(who):
    """Somebody with an identity who knows nobody but who is in a line of theirs."""
    shutil.rmtree(who, ignore_errors=True)
    os.mkdir(who, 0o700)
    shutil.copy({"ann": "alice", "ben": "bob"}[who] + "/identity", who)
    _write(f"{who}/peers", b"# nobody yet\n")


def _check_known(run, who, line):
    """The peers file is as it was, or has the whole line as well, which it has if all is well."""
    known = _read(f"{who}/peers")
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
    _check_known(run, "ann", _read("bob/identity.pub").split()[0] + b" ben\n")


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
                                                      _read("bob/identity.pub").split()[0]))


def meet_listen(run):
    """The same of the one who waits."""
    _newcomer("ann")
    _newcomer("ben")
    with _seat() as seat:
        process, address = _start_ready(run, "ben", "meet", *TIMES, "-n", "ben", "--listen",
                                        "127.0.0.1:0", **seat)
        if address:
            partner, reading = _meet_partner("ann", address)
            os.close(reading)
            kith.status(partner)
        if not address or partner.returncode != 0:  # it waits for somebody else
            process.send_signal(signal.SIGTERM)
        run.ends(process, "setup", "call", "channel", also={-signal.SIGTERM})
    _check_known(run, "ben", _read("alice/identity.pub").split()[0] + b" ann\n")


# Daemons


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
    process, address = _start_ready(run, "bob", "serve", *DAEMON, "127.0.0.1:0", *arguments)
    if not _is_up(run, process, address):
        return
    between(process)
    if _calls(run, process, lambda: _call(run, address, DATA, name)):
        _measure(run, process)
    _stop(run, process)


def _target():
    if "target" not in _standing:
        _standing["target"] = daemons.Target(handle=daemons.echo)
    return _standing["target"].address


def serve(run):
    """Callers are joined to a target."""
    _serve(run, [_target()])


def serve_named(run):
    """Callers ask for a target by its name, on channels that are kept."""
    _serve(run, [f"echo={_target()}"], name=":echo")


def serve_program(run):
    """Callers are joined to a program."""
    _serve(run, ["--exec", "cat"])


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
    _serve(run, [_target()], lambda process: _reload(run, process))


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
    process, address = _start_ready(run, "alice", "forward", *DAEMON, *kind, local,
                                    f"bob@{_echo().address}")
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


ONE = ("--spare", "1", "--keep", "0")  # channel that carries nothing, whatever there was before


def serve_call(run):
    """Who calls has its target used by programs at the other side."""
    accept = daemons.Daemon("alice", "forward", [*DAEMON, "--ready-on", "listen", "--accept",
                                                 "127.0.0.1:0"], ["127.0.0.1:0", "bob"], "accept.err")
    near = re.findall(CARRIED, accept.log())[-1]
    process, address = _start_ready(run, "bob", "serve", *DAEMON, *ONE, "--ready-on", "listen", "--call",
                                    f"alice@{accept.address}", _target())
    if _is_up(run, process, address):
        if _calls(run, process, lambda: _local_call(run, near)):
            _measure(run, process)
        _stop(run, process)
    accept.process.kill()
    accept.process.wait()


CARRIED = r"forward: (\S+): each connection is carried"


def forward_accept(run):
    """Programs use the target of who calls."""
    process, address = _start_ready(run, "alice", "forward", *DAEMON, "--ready-on", "listen",
                                    "--accept", "127.0.0.1:0", "./accept.socket", "bob")
    if not _is_up(run, process, address):
        return
    caller = daemons.Daemon("bob", "serve", [*DAEMON, *ONE, "--ready-on", "listen", "--call",
                                             f"alice@{address}"], [_target()], "caller.err")
    if _calls(run, process, lambda: _local_call(run, "./accept.socket")):
        _measure(run, process)
    _stop(run, process)
    caller.process.kill()
    caller.process.wait()
    with contextlib.suppress(FileNotFoundError):
        os.remove("accept.socket")


SCENARIOS = {each.__name__: each for each in (
    keygen, keygen_force, keygen_namespace, dial_via, dial_secret, dial_agent, listen_inetd,
    serve_inetd, serve_inetd_pipes, serve_call, forward_accept, pubkey, pubkey_encrypted, check, dial, dial_by_name, dial_again,
    dial_encrypted, dial_pipes, dial_program, dial_output, listen, listen_program, listen_output,
    listen_output_over, killed_output, killed_output_over, import_keys, meet, meet_listen, serve, serve_program,
    serve_reload, serve_named, forward, forward_path, forward_plain, forward_reload)}
KILLED = ("killed_output", "killed_output_over")
