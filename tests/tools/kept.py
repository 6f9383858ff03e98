"""Secrets after their use: every process of a command is looked into from outside, while it runs and
at its very end, for all that is secret there, in each form that it has had.

usage: kept.py SUBJECT     run in a directory with the folders alice and bob in it

KITH_PRELOAD is known_random.c as a library: so the secrets of a session are known to us. Each subject
is a function here. Prints what was found; exits 1 if anything was."""

import base64
import glob
import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile

import daemons
import kith
import meeting
import proxy
import reverse
import search_memory
import session
import traced
from daemons import check, eventually

TERMINAL = os.path.join(os.path.dirname(__file__), "terminal.py")
SEEDS = {"alice": 1, "bob": 2}  # of the random numbers of each
PIECE = 16
PASSPHRASE = "correct horse battery staple"


def pieces_of_bytes(name, secret):
    """Whatever was done to its first and last bits: X25519 sets these."""
    return {secret[1:17]: name, secret[-17:-1]: name}


def pieces_of_text(name, text):
    return {text[at:at + PIECE].encode(): name for at in range(0, len(text) - PIECE + 1, PIECE)}


def of_seed(name, seed):
    """A private key as bytes, in hex, in base64 as in PEM, and as the numbers made of it to sign."""
    expanded = hashlib.sha512(seed).digest()
    der = bytes.fromhex("302e020100300506032b657004220420") + seed
    return {
        **pieces_of_bytes(f"{name}: seed", seed),
        **pieces_of_bytes(f"{name}: scalar", expanded[:32]),
        **pieces_of_bytes(f"{name}: prefix", expanded[32:]),
        **pieces_of_text(f"{name}: hex", seed.hex()),
        **pieces_of_text(f"{name}: base64", base64.b64encode(der).decode()[22:]),
    }


def seed_of(path):
    der = subprocess.run(["openssl", "pkey", "-in", path, "-outform", "DER"], capture_output=True,
                         check=True).stdout
    return der[-32:]


def of_identities():
    wanted = {}
    for who in SEEDS:
        wanted.update(of_seed(who, seed_of(f"{who}/identity")))
    return wanted


def of_session(through, namespace=b"kith"):
    """What is secret of the session that this proxy has carried."""
    return of_messages(*(next(frames(getattr(tap, "came", tap.passed)))
                         for tap in (through.d2l, through.l2d)), namespace)


def of_messages(hello_d, message_2, namespace):
    """The same by the first messages of both."""
    found = session.secrets_of(hello_d, message_2[:-16], SEEDS["alice"], SEEDS["bob"],
                                namespace)
    return {piece: name for name, key in found.items() for piece in pieces_of_bytes(name, key)}


def of_meeting(through):
    """What is secret of the session at the end of the meeting that it has carried."""
    commit, opened, _, hello_d, *_ = frames(through.d2l.passed)
    answer, _, message_2, *_ = frames(through.l2d.passed)
    return of_messages(hello_d, message_2,
                       b"kith/meet/1\0" + meeting.digest(commit, answer, opened))


def frames(stream):
    """The bodies of the whole frames there."""
    at = 0
    for length in proxy.frames(stream):
        yield bytes(stream[at + 4:at + 4 + length])
        at += 4 + length


class Traced:
    """What is known of a kith that runs under traced.py: who it is, and a folder with its log and
    with the memory of its processes when they ended."""

    def __init__(self, who):
        self.who = who
        self.folder = tempfile.mkdtemp(prefix=f"{who}-", dir=".")
        self.log = f"{self.folder}/log"
        self.launcher = ["env", f"KITH_RANDOM_SEED={SEEDS[who]}", sys.executable, traced.__file__,
                         self.folder]

    def said(self):
        with open(self.log, "rb") as log:
            return log.read()

    def forgot(self, what, wanted, processes=2):
        """It has ended: nothing of this is left in any of its processes, nor was said. There were
        so many processes, or more."""
        memories = glob.glob(f"{self.folder}/*.memory")
        check(len(memories) >= processes, what, self.who, "had processes:", memories, self.said())
        for memory in memories:
            with open(memory, "rb") as kept:
                found = found_in(kept.read(), wanted)
            os.unlink(memory)
            check(not found, what, memory, "has", found)
        said = self.said()
        found = found_in(said, wanted)
        check(not found and not any(piece.hex().encode() in said for piece in wanted), what,
              self.who, "has said", found)


def found_in(whole, wanted):
    """The names of what is there, with how often the piece is that is there most often."""
    counts = {}
    for piece, name in wanted.items():
        count = whole.count(piece)
        if count:
            counts[name] = max(count, counts.get(name, 0))
    return counts


def holding(pid, wanted):
    """What this process holds now."""
    return found_in(b"\0".join(search_memory.contents(pid, {"wr"})), wanted)


def held(pid, wanted):
    """What each process of this kith holds now, the one that was started first."""
    return [holding(one, wanted) for one in kith.family(pid)]


def run(what, who, wanted, *arguments, status=0, processes=1):
    """A command that ends by itself."""
    kept = Traced(who)

    def prepare():
        os.environ.update(KITH_DIR=who, KITH_RANDOM_SEED=str(SEEDS[who]))
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(os.open(kept.log, os.O_WRONLY | os.O_CREAT, 0o600), 1)
        os.dup2(1, 2)
        signal.alarm(int(kith.LIMIT))

    ended = traced.follow(traced.begin([kith.KITH, *arguments], prepare), traced.Memories(kept.folder))
    check(ended == status, what, "ended with", ended, "not", status, kept.said())
    kept.forgot(what, wanted, processes)


def keygen():
    """The key that is made is that of a random number that we know."""
    wanted = of_seed("made", session.known_random(SEEDS["alice"], 0))
    run("keygen", "alice", wanted, "keygen", "-n", "x", "key")
    check(seed_of("key") == session.known_random(SEEDS["alice"], 0), "another key was made")
    run("keygen -f", "alice", wanted, "keygen", "-f", "key")
    run("keygen where one is", "alice", wanted, "keygen", "key", status=3)
    run("keygen where none can be", "alice", wanted, "keygen", "key/key", status=1)


def secret_file(name, text):
    with open(name, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


def pbkdf2_key(salt, rounds):
    return hashlib.pbkdf2_hmac("sha256", PASSPHRASE.encode(), salt, rounds, 32)


def forms():
    """A key in each form that is read, whole and damaged."""
    wanted = of_identities()
    key = seed_of("alice/identity")
    with open("alice/identity", encoding="ascii") as file:
        pem = file.read()
    secret_file("hex", key.hex() + "\n")
    secret_file("damaged", pem.replace("MC4", "MC5"))
    secret_file("cut", pem[:-30])
    secret_file("twice", pem + pem)
    secret_file("behind", pem + "more\n")
    secret_file("named", key.hex() + " name\n")
    secret_file("one-line", pem.replace("\n", "\\n"))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "ssh"], check=True)
    with open("ssh", encoding="ascii") as file:
        body = "".join(file.read().split("\n")[1:-2])
    blob = base64.b64decode(body)
    at = blob.rindex(b"\0\0\0\x40") + 4
    wanted_ssh = {**of_seed("ssh", blob[at:at + 32]), **pieces_of_text("ssh: base64", body[150:198])}
    secret_file("ssh-damaged", "-----BEGIN OPENSSH PRIVATE KEY-----\n" + body[:-8] +
                "AAAAAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    for name, status in (("alice/identity", 0), ("hex", 0), ("one-line", 0), ("damaged", 3),
                         ("cut", 3), ("twice", 3), ("behind", 3)):
        run(f"pubkey of {name}", "alice", wanted, "pubkey", name, status=status)
    for name, status in (("ssh", 0), ("ssh-damaged", 3)):
        run(f"pubkey of {name}", "alice", wanted_ssh, "pubkey", name, status=status)
    secret_file("open", pem)
    os.chmod("open", 0o644)
    run("pubkey of one that all can read", "alice", wanted, "pubkey", "open")
    run("listen to who has a private key", "alice", wanted, "listen", "-p", "./alice/identity", "0",
        status=3, processes=2)
    peer = "05" * 32 + "@127.0.0.1:1"
    for name in ("cut", "behind", "twice", "named", "open"):
        run(f"dial with {name}", "alice", wanted, "dial", "-i", name, peer, status=3, processes=2)


def passphrases():
    """One that is right, and one that is not, for each way to make a key of it."""
    wanted = {**of_identities(), **pieces_of_text("passphrase", PASSPHRASE)}
    secret_file("right", PASSPHRASE + "\n")
    secret_file("wrong", PASSPHRASE[:-1] + "\n")
    for name, options in (("pbkdf2", ["-v2", "aes-256-cbc", "-iter", "2048"]), ("scrypt", ["-scrypt"])):
        made = subprocess.run(
            ["openssl", "pkcs8", "-topk8", "-in", "alice/identity", *options, "-passout",
             f"pass:{PASSPHRASE}"], capture_output=True, check=True, encoding="ascii").stdout
        secret_file(name, made)
        derived = derived_key(made)
        all_of_it = {**wanted, **pieces_of_bytes(f"{name}: key", derived)}
        run(name, "alice", all_of_it, "pubkey", "--passphrase-file", "right", name)
        run(f"{name}, a wrong one", "alice", all_of_it, "pubkey", "--passphrase-file", "wrong", name,
            status=3)
        run(f"dial, {name}", "alice", all_of_it, "dial", "-i", name, "--passphrase-file", "right",
            "-w", "2s", "bob@127.0.0.1:1", status=4, processes=2)
        typed(f"{name}, typed", all_of_it, "pubkey", name)
        typed(f"dial, {name}, typed", all_of_it, "dial", "-i", name, "-w", "2s", "bob@127.0.0.1:1")


def typed(what, wanted, *arguments):
    """A command that asks for the passphrase at a terminal."""
    alice = Traced("alice")
    with open(alice.log, "wb") as log:
        subprocess.run(
            [sys.executable, TERMINAL, "-a", "passphrase for", PASSPHRASE, *alice.launcher, kith.KITH,
             *arguments], env={**os.environ, "KITH_DIR": "alice"}, stdout=log, stderr=log, check=False)
    check(b"passphrase for" in alice.said(), what, "was not asked for")
    alice.forgot(what, wanted, 1 if arguments[0] == "pubkey" else 2)


def derived_key(pem):
    """What openssl derives of the passphrase for this file: told by its parts."""
    der = base64.b64decode("".join(pem.split("\n")[1:-2]))
    if b"\x2b\x06\x01\x04\x01\xda\x47\x04\x0b" in der:
        at = der.index(b"\x04\x01\xda\x47\x04\x0b") + 8
        salt = der[at + 2:at + 2 + der[at + 1]]
        return hashlib.scrypt(PASSPHRASE.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32)
    at = der.index(b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c") + 11
    salt = der[at + 2:at + 2 + der[at + 1]]
    return pbkdf2_key(salt, 2048)


TRAFFIC = {"d2l/traffic", "l2d/traffic"}


def main_of(process):
    """The kith that a tracer has started."""
    return kith.family(process.pid)[1]


def dials(address, content=b""):
    """alice dials, traced, and sends this, but no end."""
    alice = Traced("alice")
    with open(alice.log, "wb") as log:
        dialer = kith.dial(address, "-vv", launcher=alice.launcher, stdin=subprocess.PIPE, stderr=log)
    dialer.stdin.write(content)
    dialer.stdin.flush()
    return alice, dialer


def pipe():
    """dial and listen: while the channel is open, and at their ends."""
    bob = Traced("bob")
    with open(bob.log, "wb") as log:
        listener, address = kith.listen("-vv", launcher=bob.launcher, stderr=log)
    through = proxy.Proxy(address)
    alice, dialer = dials(through.address, b"hello")
    eventually(lambda: len(proxy.frames(through.d2l.passed)) >= 3, "a message was sent")
    wanted = {**of_identities(), **of_session(through)}
    for who, process in (("alice", dialer), ("bob", listener)):
        eventually(lambda: len(kith.family(process.pid)) == 2, "the keeper has ended")
        (found,) = held(main_of(process), wanted)
        check(set(found) == TRAFFIC, who, "holds", found)
    dialer.stdin.close()
    check((kith.status(dialer), kith.status(listener)) == (0, 0), "it did not end well")
    alice.forgot("dial", wanted)
    bob.forgot("listen", wanted)


class Daemon:
    """A serve or forward that is traced."""

    def __init__(self, who, command, *arguments):
        self.kept = Traced(who)
        self.daemon = daemons.Daemon(who, command, ["-vv"], arguments, self.kept.log,
                                     launcher=self.kept.launcher)
        self.daemon.pid = main_of(self.daemon)
        self.address = daemons.host_and_port(self.daemon.address)

    def holds(self, wanted):
        """In the process that faces the network."""
        return holding(self.daemon.pid, wanted)

    def check_idle(self, what, wanted):
        """Once the last channel has ended, nothing is there but the private key, in the keeper, once."""
        who = self.kept.who
        if not eventually(lambda: not self.holds(wanted), what, who, "has forgotten all",
                          limit=kith.LIMIT / 4):
            check(False, what, who, "holds", self.holds(wanted))
        _, keeper, *others = held(self.daemon.pid, wanted)
        check(keeper == {f"{who}: seed": 1}, what, "the keeper of", who, "holds", keeper)
        check(not any(others), what, "another helper of", who, "holds", others)

    def end(self, wanted):
        os.kill(self.daemon.pid, signal.SIGTERM)
        self.daemon.ends(0)
        self.kept.forgot("at the end", wanted, 3)


def exchange(address, hook):
    """Some words there and back; the hook is called before the end."""
    with daemons.connect("%s:%d" % address) as near:
        for size in (1, 1000, 100000):
            near.sendall(bytes(size))
            check(len(daemons.read_exactly(near, size)) == size, "not all came back")
        hook()
        near.shutdown(socket.SHUT_WR)
        daemons.read_to_end(near)


def channel(*options):
    """serve and forward: while a channel is open, when it has ended, and at their own ends."""
    target = daemons.Target(handle=daemons.echo)
    bob = Daemon("bob", "serve", "127.0.0.1:0", target.address)
    through = proxy.Proxy(bob.address)
    alice = Daemon("alice", "forward", *options, "127.0.0.1:0", "bob@%s:%d" % through.address)
    wanted = of_identities()
    namespace = b"kith" if "--plain" in options else b"kith\0kept/1"

    def hook():
        wanted.update(of_session(through, namespace))
        for one in (alice, bob):
            check(set(one.holds(wanted)) == TRAFFIC, one.kept.who, "holds", one.holds(wanted))

    exchange(alice.address, hook)
    for one in (alice, bob):
        one.check_idle("after a channel", wanted)
        os.kill(one.daemon.pid, signal.SIGHUP)
        one.daemon.logged("read again")
        one.check_idle("after a reload", wanted)
        one.end(wanted)


def back():
    """forward --accept and serve --call: while a channel carries, when who calls has ended, and at
    their own ends."""
    target = daemons.Target(handle=daemons.echo)
    bob = Daemon("bob", "forward", "--ready-on", "listen", "--accept", "127.0.0.1:0", "127.0.0.1:0", "alice")
    (near,) = reverse.NEAR.findall(bob.daemon.log())
    through = proxy.Proxy(bob.address)
    alice = Daemon("alice", "serve", "--call", "bob@%s:%d" % through.address, "--spare", "1",
                   target.address)
    wanted = {**of_identities(), **of_session(through, b"kith\0kept-back/1")}

    def hook():
        for one in (alice, bob):
            check(set(one.holds(wanted)) == TRAFFIC, one.kept.who, "holds", one.holds(wanted))

    exchange(daemons.host_and_port(near), hook)
    alice.end(wanted)
    bob.check_idle("after who calls has ended", wanted)
    bob.end(wanted)


def one_call():
    """serve --inetd, with a program: it, its helpers, and what the program was given."""
    bob = Traced("bob")
    server = socket.create_server(("127.0.0.1", 0))
    through = proxy.Proxy(server.getsockname())
    alice, dialer = dials(through.address, b"hello")
    connection, _ = server.accept()
    with connection, open(bob.log, "wb") as log:
        process = kith.start("bob", "serve", "--inetd", "-vv", "--exec", "cat", stdin=connection,
                             stdout=connection, stderr=log, launcher=bob.launcher)
    eventually(lambda: len(proxy.frames(through.l2d.passed)) >= 2, "it has come back")
    wanted = {**of_identities(), **of_session(through)}
    first, *others = held(main_of(process), wanted)
    check(set(first) == TRAFFIC, "bob holds", first)
    check(all(set(one) <= {"bob: seed"} for one in others), "bob's helpers hold", others)
    dialer.stdin.close()
    check((kith.status(dialer), kith.status(process)) == (0, 0), "it did not end well")
    alice.forgot("dial", wanted)
    bob.forgot("serve --inetd", wanted, 4)


def meet():
    """Two who meet: once they have shaken hands, while each is asked for a name, and at their ends."""
    traced_ones = {}
    for who in SEEDS:
        os.unlink(f"{who}/peers")
        traced_ones[who] = Traced(who)
    bob = meeting.waits("-vv", launcher=traced_ones["bob"].launcher)
    through = proxy.Proxy(("127.0.0.1", bob.port))
    alice = meeting.calls(through.address[1], "-vv", launcher=traced_ones["alice"].launcher)
    meeting.agree(alice, bob)
    wanted = {**of_identities(), **of_meeting(through)}
    for side in (alice, bob):
        first, *others = held(kith.family(side.pid)[1], wanted)
        check(not first, side.who, "holds", first)
        check(all(set(one) <= {f"{side.who}: seed"} for one in others), side.who, "has helpers that hold", others)
        side.type("\n")
    for side in (alice, bob):
        check(side.status() == 0, side.who, "ended with", side.ended)
        with open(traced_ones[side.who].log, "w", encoding="utf-8") as log:
            log.write(side.shown)
        traced_ones[side.who].forgot("meet", wanted, 3)


class Flip(proxy.Flip):
    """Also remembers what came."""

    def __init__(self, byte):
        super().__init__(8 * byte)
        self.came = b""

    def take(self, chunk):
        self.came += chunk
        yield from super().take(chunk)


MESSAGE_1 = 4 + 32 + 32 + 6 + 1 + 32 + 64
MESSAGE_2 = MESSAGE_1 + 32 + 16
STREAM = MESSAGE_1 + 4 + 16  # where it begins, from the dialer


def broken():
    """Calls that come to nothing, in each place where one can: both sides forget what they had."""
    target = daemons.Target(handle=daemons.echo)
    bob = Daemon("bob", "serve", "127.0.0.1:0", target.address)
    wanted = of_identities()
    for what, d2l, l2d, status in (
            ("cut in message 3", proxy.Cut(MESSAGE_1 + 1), None, 8),
            ("message 3 changed", Flip(STREAM - 1), None, 8),
            ("message 2 changed", None, Flip(MESSAGE_2 - 40), 5),
            ("message 2 with another confirmation", None, Flip(MESSAGE_2 - 1), 5),
            ("the stream changed", Flip(STREAM + 10), None, 8),
            ("the stream cut", proxy.Cut(STREAM + 10), None, 8)):
        through = proxy.Proxy(bob.address, d2l, l2d)
        alice, dialer = dials(through.address, b"hello, this is alice")
        ended = kith.status(dialer)
        check(ended == status, what, "the dialer ended with", ended, alice.said())
        wanted.update(of_session(through))
        bob.check_idle(what, wanted)
        alice.forgot(what, wanted)
    bob.end(wanted)


SUBJECTS = (keygen, forms, passphrases, pipe, channel, back, one_call, meet, broken)

if __name__ == "__main__":
    daemons.run_subject(SUBJECTS)
