"""What somebody who runs code in a confined process of kith can do, tried from inside (intruder.c)
in each command, and whether that is what kith(1) says.

usage: intruders.py MANUAL LIBRARY SOURCE...     run in a directory with alice and bob in it

Prints what differs; exits 1 if anything does."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile

import daemons
import kith
from daemons import check, eventually


def said_in(manual):
    """By the item of the list in the manual, what it names."""
    with open(manual, encoding="utf-8") as page:
        (part,) = re.findall(r'^\.\\" What is let through:.*?\n(.*?)^\.El\n', page.read(), re.M | re.S)
    items = {}
    for item in part.split(".It ")[1:]:
        head, _, body = item.partition("\n")
        items[head.strip().removeprefix("\\&")] = set(re.split(r";\s+", body.strip().rstrip(".").replace("\n", " ")))
    return items


class Scene:
    """What an intruder tries itself on."""

    def __init__(self, library):
        self.library = library
        self.port, self.target = daemons.free_port(), daemons.free_port()
        self.abstract = f"kith-intruder-{os.getpid()}"
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind("\0" + self.abstract)
        self.listening.listen(64)
        os.mkdir("near")
        os.mkdir("of-file")

    def intruded(self):
        """Where the reports of a kith will be, and what has to start it."""
        folder = tempfile.mkdtemp(prefix="kith-intruder-")
        named = socket.socket(socket.AF_UNIX)
        named.bind(f"{folder}/named")
        named.listen(64)
        self.named = named
        return folder, ["env", f"LD_PRELOAD={self.library}", f"KITH_INTRUDER={folder}",
                        f"KITH_INTRUDER_NAME={self.abstract}", f"KITH_INTRUDER_PORT={self.port}",
                        f"KITH_INTRUDER_TARGET={self.target}"]


def reported(folder, number):
    """What this process could do, once it has tried all."""
    def lines():
        try:
            with open(f"{folder}/{number}", encoding="ascii") as report:
                return report.read().splitlines()
        except FileNotFoundError:
            return []
    eventually(lambda: lines()[-1:] == ["that was all"], folder, number, "has tried all")
    return set(lines()[:-1])


def phrases(sources):
    """All that is tried, by the source of the intruder."""
    found = set()
    for source in sources:
        with open(source, encoding="ascii") as text:
            found.update(re.findall(r'(?:tell\(|\{)"([^"]+)"', text.read()))
    return found


def meet(*arguments, launcher):
    """It needs a terminal, which ends with whoever has it."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "terminal.py")
    return kith.start("alice", "meet", *arguments, launcher=["python3", script, *launcher])


@contextlib.contextmanager
def agent():
    """An ssh-agent with a key, in the environment."""
    path = os.path.abspath("agent")
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as process:
        eventually(lambda: os.path.exists(path), "the agent is there")
        os.environ["SSH_AUTH_SOCK"] = path
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "agents"], check=True)
        subprocess.run(["ssh-add", "-q", "agents"], check=True)
        yield
        del os.environ["SSH_AUTH_SOCK"]
        process.terminate()


def given(command, *arguments, launcher):
    """bob's, with a channel on which nobody says anything."""
    ours, its = socket.socketpair()
    with its:
        process = kith.start("bob", command, "-w", "60s", *arguments, stdin=its, stdout=its,
                             launcher=launcher)
    return process, ours


def cases(scene):
    """Each command: its name, how it is started, and the items of the manual for its processes."""
    target = f"127.0.0.1:{scene.target}"
    far = daemons.serve(target, log="far.err")
    calls = "In forward without --accept, and serve --call"
    network = ["Each", "What faces the network"]
    listens = [*network, "In listen, meet and the daemons"]
    daemon = [*listens, "In the daemons"]
    helpers = {1: ["Each", "The keeper"], 2: ["Each", "What resolves names"]}
    _, address = kith.listen()
    yield ("dial", lambda launcher: kith.dial(address, launcher=launcher), {0: network, 1: helpers[1]})
    yield ("check", lambda launcher: kith.start("alice", "check", f"bob@{far.address}", launcher=launcher),
           {0: network, 1: helpers[1]})
    yield ("listen", lambda launcher: kith.listen(launcher=launcher),
           {0: listens, 1: helpers[1]})
    yield ("listen --exec", lambda launcher: kith.listen(program=["cat"], launcher=launcher),
           {0: [*listens, "In listen and dial with --exec"], 1: helpers[1]})
    yield ("listen -o", lambda launcher: kith.listen("-o", "of-file/out", launcher=launcher),
           {0: listens, 1: helpers[1], 2: ["Each", "The filer"]})
    yield ("dial -o", lambda launcher: kith.dial(kith.listen()[1], "-o", "of-file/out", launcher=launcher),
           {0: network, 1: helpers[1], 2: ["Each", "The filer"]})
    yield ("dial --exec", lambda launcher: kith.start(
        "alice", "dial", "bob@%s:%d" % kith.listen()[1], "--exec", "cat", launcher=launcher),
           {0: [*network, "In listen and dial with --exec"], 1: helpers[1]})
    way = "socat STDIO TCP:%h:%p"
    yield ("check --via", lambda launcher: kith.start(
        "alice", "check", f"bob@{far.address}", "--via", way, launcher=launcher),
           {0: network, 1: helpers[1]})
    yield ("dial --via", lambda launcher: kith.dial(kith.listen()[1], "--via", way, launcher=launcher),
           {0: network, 1: helpers[1]})
    yield ("forward --via", lambda launcher: daemons.forward(far, "--via", way, launcher=launcher),
           {0: [*daemon, "In forward with --via"], 1: helpers[1], 3: helpers[2]})
    scribe = {1: helpers[1], 2: ["Each", "The scribe"]}
    yield ("meet --listen", lambda launcher: meet("--listen", "127.0.0.1:0", launcher=launcher),
           {0: listens, **scribe})
    waiting = socket.create_server(("127.0.0.1", 0))
    yield ("meet", lambda launcher: meet("127.0.0.1:%d" % waiting.getsockname()[1], launcher=launcher),
           {0: listens, **scribe})
    yield ("serve", lambda launcher: daemons.serve(target, launcher=launcher),
           {0: [*daemon, "In serve to a port"], **helpers})
    yield ("serve to a path", lambda launcher: daemons.serve("./none", launcher=launcher),
           {0: [*daemon, "In serve to a UNIX socket"], **helpers})
    yield ("serve of names", lambda launcher: daemons.Daemon(
        "bob", "serve", [], ["127.0.0.1:0", f"one=127.0.0.1:{scene.target}", "two=./none"],
        "names.err", launcher=launcher),
           {0: [*daemon, "In serve to a port", "In serve to a UNIX socket"], **helpers})
    yield ("serve of a name with a program", lambda launcher: daemons.Daemon(
        "bob", "serve", [], ["127.0.0.1:0", "one=exec:cat"], "program.err", launcher=launcher),
           {0: daemon, **helpers})
    with agent():
        yield ("serve -i agent:", lambda launcher: daemons.serve(target, "-i", "agent:", launcher=launcher),
               {0: [*daemon, "In serve to a port"], 1: [*helpers[1], "The keeper with -i agent:"], 2: helpers[2]})
    yield ("serve --exec", lambda launcher: daemons.serve(["cat"], launcher=launcher),
           {0: daemon, **helpers})
    yield ("forward", lambda launcher: daemons.forward(far, launcher=launcher),
           {0: [*daemon, calls], **helpers})
    yield ("forward --plain", lambda launcher: daemons.forward(far, "--plain", launcher=launcher),
           {0: [*daemon, calls], **helpers})
    yield ("forward of two", lambda launcher: daemons.Daemon(
        "alice", "forward", [], ["127.0.0.1:0", f"bob@{far.address}", "near/second",
                                 f"bob@{far.address}:name"], "two.err", launcher=launcher),
           {0: [*daemon, calls, "In forward at a UNIX socket"], **helpers})
    yield ("forward --source", lambda launcher: daemons.forward(
        far, "--source", "127.0.0.1", launcher=launcher),
           {0: [*daemon, calls, "In forward with --source"], **helpers})
    yield ("serve --call", lambda launcher: daemons.Daemon(
        "bob", "serve", ["--call", f"alice@{far.address}", "--ready-on", "listen"], [target],
        "call.err", launcher=launcher),
           {0: [*daemon, calls], **helpers})
    yield ("forward --accept", lambda launcher: daemons.Daemon(
        "alice", "forward", ["--accept", "127.0.0.1:0", "--ready-on", "listen"],
        ["127.0.0.1:0", "bob"], "accept.err", launcher=launcher),
           {0: daemon, **helpers})
    yield ("forward --run", lambda launcher: daemons.Daemon(
        "alice", "forward", [], ["127.0.0.1:0", f"bob@{far.address}", "--run", "sleep", "60"], "run.err",
        launcher=launcher),
           {0: [*daemon, calls], 1: helpers[1], 3: helpers[2]})
    yield ("serve --call --via", lambda launcher: daemons.Daemon(
        "bob", "serve", ["--call", f"alice@{far.address}", "--ready-on", "listen", "--via", way], [target],
        "call.err", launcher=launcher),
           {0: [*daemon, "In forward with --via", "In serve to a port"], 1: helpers[1], 3: helpers[2]})
    yield ("serve --inetd", lambda launcher: given("serve", "--inetd", target, launcher=launcher),
           {0: [*daemon, "In serve to a port"], **helpers})
    yield ("listen --inetd", lambda launcher: given("listen", "--inetd", "--exec", "cat", launcher=launcher),
           {0: [*listens, "In listen and dial with --exec"], 1: helpers[1]})
    yield ("listen --inetd -o", lambda launcher: given(
        "listen", "--inetd", "-o", "of-file/inetd", launcher=launcher),
           {0: listens, 1: helpers[1], 2: ["Each", "The filer"]})
    yield ("forward at a path", lambda launcher: daemons.forward(
        far, local="near/socket", launcher=launcher),
           {0: [*daemon, calls, "In forward at a UNIX socket"], **helpers})


def main():
    items = said_in(sys.argv[1])
    scene = Scene(sys.argv[2])
    count = 0
    for command, start, processes in cases(scene):
        folder, launcher = scene.intruded()
        started = start(launcher)
        for number, names in processes.items():
            could = reported(folder, number)
            may = set().union(*(items.get(name, set()) for name in names))
            check(could <= may, command, "process", number, "can also:", sorted(could - may))
            check(may <= could, command, "process", number, "cannot:", sorted(may - could))
            count += 1
        del started
        subprocess.run(["rm", "-rf", folder], check=True)
    print(f"{len(phrases(sys.argv[3:]))} things tried in {count} processes", file=sys.stderr)
    daemons.finish()


if __name__ == "__main__":
    main()
