"""Owns how each program is made to carry data. To add one: a class with the four commands below,
or those of them that it can, and a line in all_peers."""

import os
import pwd
import shutil
import subprocess

HOST = "127.0.0.1"
SINK = "cat >/dev/null"


class Peer:
    """A command is a list of arguments, or None for what the program cannot do."""

    name = ""
    chacha = False  # whether it seals with ChaCha20-Poly1305
    plain = False  # whether it does not seal at all
    needs_target = False  # as a pipe: the server joins the client to a TCP port, not to stdout
    stays = False  # as a pipe: the server does not end with its client
    can_two_way = True  # as a pipe

    can_forward = True
    can_be_sized = False  # as a pipe: its messages
    other_cipher = False  # of a peer that is here already: measured where ciphers matter
    slow = False  # gets less to carry
    slow_to_connect = False  # gets fewer connections to make
    most_idle = 4000  # connections that it is asked to keep
    idle_is_free = False  # idle connections cost others no time
    most_kept = 0  # channels that one client keeps ready for connections

    def __init__(self, place=None):
        self.place = place

    def installed(self):
        return True

    def pipe_server(self, port, target=None):
        """Listens at port for one client; what comes goes to stdout."""

    def pipe_client(self, port):
        """Carries stdin to the server."""

    def forward_server(self, port, target):
        """Listens at port and joins each client to the port target."""

    def forward_client(self, local, port):
        """Listens at local and carries each connection to port."""

    def forwarders(self, local, port, target):
        """The two, in the order in which they are started, and where each has to listen then."""
        return [(self.forward_server(port, target), port), (self.forward_client(local, port), local)]

    def two_way(self, answer):
        """The same peer, as it is started when both sides have something to say: the server reads
        the file named answer, from its stdin unless it opens it by itself."""
        return self


class Place:
    """The files that the programs need, in one folder that is removed in the end."""

    def __init__(self, folder, kith, other_kith, loop, client):
        self.folder = folder
        self.kith = kith
        self.other_kith = other_kith
        self.loop = loop
        self.client = client
        self.user = pwd.getpwuid(os.getuid()).pw_name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def make_keys(self):
        def quietly(*command):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)

        for name in ("alice", "bob"):
            quietly(self.kith, "keygen", "-n", name, self.path(name))
        for name in ("host", "user"):
            quietly("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path(name))
        quietly("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.path("tls.key"),
                "-out", self.path("tls.crt"))
        with open(self.path("tls.pem"), "w", encoding="ascii") as both:
            for name in ("tls.key", "tls.crt"):
                with open(self.path(name), encoding="ascii") as one:
                    both.write(one.read())
        os.chmod(self.path("tls.pem"), 0o600)
        with open(self.path("shared"), "wb") as shared:
            shared.write(os.urandom(32))


class Kith(Peer):
    name = "kith"
    chacha = True
    can_be_sized = True
    most_idle = 10000
    idle_is_free = True
    most_kept = 1000
    size = None  # of a message, if not the default
    one_way = True

    def program(self):
        return self.place.kith

    def options(self):
        return ["-q"] + (["--max-message-size", str(self.size)] if self.size else [])

    def pipe_server(self, port, target=None):
        direction = ["--recv-only"] if self.one_way else []
        return [self.program(), "listen", *self.options(), *direction,
                "-i", self.place.path("bob"), "-p", self.place.path("alice.pub"), f"{HOST}:{port}"]

    def pipe_client(self, port):
        return [self.program(), "dial", *self.options(), "-i", self.place.path("alice"),
                f"{self.place.path('bob.pub')}@{HOST}:{port}"]

    def forward_server(self, port, target):
        return [self.program(), "serve", *self.options(), "--max-pending", "1024",
                "-i", self.place.path("bob"), "-p", self.place.path("alice.pub"),
                f"{HOST}:{port}", str(target)]

    def forward_client(self, local, port):
        return [self.program(), "forward", *self.options(), "-i", self.place.path("alice"),
                str(local), f"{self.place.path('bob.pub')}@{HOST}:{port}"]

    def keeper(self, local, port, count):
        """As forward_client, with so many channels kept ready."""
        words = self.forward_client(local, port)
        return [*words[:2], "--spare", str(count), *words[2:]]

    def two_way(self, answer):
        other = type(self)(self.place)
        other.size, other.one_way = self.size, False
        return other

    def with_size(self, size):
        other = type(self)(self.place)
        other.size, other.name = size, f"{self.name} {size >> 10}K"
        return other


class PlainKith(Kith):
    """A channel for each connection."""

    name = "kith --plain"
    most_kept = 0

    def forward_client(self, local, port):
        words = super().forward_client(local, port)
        return [*words[:2], "--plain", *words[2:]]


class ReverseKith(Kith):
    """The one that has the target calls the other, which listens for it and for programs."""

    name = "kith, reverse"
    most_kept = 0

    def forwarders(self, local, port, target):
        return [([self.program(), "forward", *self.options(), "-i", self.place.path("alice"),
                  "--accept", f"{HOST}:{port}", str(local), self.place.path("bob.pub")], port),
                ([self.program(), "serve", *self.options(), "-i", self.place.path("bob"),
                  "--call", f"{self.place.path('alice.pub')}@{HOST}:{port}", str(target)], local)]


class OtherKith(Kith):
    """Another build, in turns with the first."""

    name = "other kith"

    def program(self):
        return self.place.other_kith

    def installed(self):
        return self.place is not None and self.place.other_kith is not None


class Loop(Peer):
    """What the machine allows; see loop.c."""

    name = "bare loop"
    chacha = True
    can_two_way = False
    can_be_sized = True
    arguments = ("65536",)

    def installed(self):
        return self.place.loop is not None

    def pipe_server(self, port, target=None):
        return [self.place.loop, "receive", str(port), self.arguments[0]]

    def pipe_client(self, port):
        return [self.place.loop, "send", str(port), *self.arguments]

    def with_arguments(self, name, *arguments):
        other = type(self)(self.place)
        other.name, other.arguments = name, arguments
        return other

    def with_size(self, size):
        return self.with_arguments(self.name, str(size))


class Socat(Peer):
    """As OPENSSL with both certificates verified; or plain."""

    cipher = None
    buffer = ["-b131072"]
    most_idle = 0  # a process for each, which takes longer to make than there is time
    slow_to_connect = True
    one_way = True

    def __init__(self, place, name, cipher=None):
        super().__init__(place)
        self.name, self.cipher = name, cipher
        self.plain = cipher is None
        self.chacha = self.other_cipher = cipher is not None and "CHACHA" in cipher
        if name.endswith("as installed"):
            self.buffer = []

    def installed(self):
        return shutil.which("socat") is not None

    def ends(self, port, fork=False):
        """The two addresses of a connection: who listens, who calls."""
        listen = f"LISTEN:{port},reuseaddr,bind={HOST},backlog=4096" + (",fork" if fork else "")
        if self.plain:
            return f"TCP-{listen}", f"TCP:{HOST}:{port}"
        tls = f",cert={self.place.path('tls.pem')},cafile={self.place.path('tls.crt')},verify=1"
        if self.cipher:
            tls += f",openssl-max-proto-version=TLS1.2,ciphers={self.cipher}"
        return f"OPENSSL-{listen}{tls}", f"OPENSSL:{HOST}:{port}{tls}"

    def pipe_server(self, port, target=None):
        direction = ["-u"] if self.one_way else []
        return ["socat", *direction, *self.buffer, self.ends(port)[0],
                "STDOUT" if self.one_way else "STDIO"]

    def pipe_client(self, port):
        direction = ["-u"] if self.one_way else []
        return ["socat", *direction, *self.buffer, "STDIN" if self.one_way else "STDIO",
                self.ends(port)[1]]

    def forward_server(self, port, target):
        return ["socat", *self.buffer, self.ends(port, True)[0], f"TCP:{HOST}:{target}"]

    def forward_client(self, local, port):
        return ["socat", *self.buffer,
                f"TCP-LISTEN:{local},fork,reuseaddr,bind={HOST},backlog=4096", self.ends(port)[1]]

    def two_way(self, answer):
        other = Socat(self.place, self.name, self.cipher)
        other.buffer, other.one_way = self.buffer, False
        return other


class Ncat(Peer):
    name = "ncat --ssl"
    can_forward = False
    one_way = True

    def installed(self):
        return shutil.which("ncat") is not None

    def pipe_server(self, port, target=None):
        return ["ncat", "--ssl", "--ssl-cert", self.place.path("tls.crt"),
                "--ssl-key", self.place.path("tls.key"), "--recv-only", "-l", HOST, str(port)]

    def pipe_client(self, port):
        return ["ncat", "--ssl", "--send-only", HOST, str(port)]

    can_two_way = False  # its server leaves with the first of the two ends


class Ssh(Peer):
    """With an sshd of our own, which knows one key; sessions without a shell's start files."""

    remote = SINK
    stays = True

    def __init__(self, place, name, cipher=None):
        super().__init__(place)
        self.name = name
        self.chacha = cipher is None
        self.options = ["-c", cipher] if cipher else []
        self.other_cipher = cipher is not None

    def installed(self):
        return shutil.which("ssh") is not None and os.path.exists("/usr/sbin/sshd")

    def sshd(self, port):
        if os.getuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        settings = self.place.write(f"sshd-{port}", f"""
            ListenAddress {HOST}:{port}
            HostKey {self.place.path('host')}
            AuthorizedKeysFile {self.place.path('user.pub')}
            PidFile none
            UsePAM no
            StrictModes no
            PermitRootLogin prohibit-password
            MaxStartups 1000
            MaxSessions 20000
        """)
        return ["/usr/sbin/sshd", "-D", "-f", settings]

    def ssh(self, port):
        return ["ssh", "-F", "none", "-T", "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                "-o", "IdentitiesOnly=yes", "-i", self.place.path("user"), "-p", str(port),
                *self.options]

    def pipe_server(self, port, target=None):
        return self.sshd(port)

    def pipe_client(self, port):
        return [*self.ssh(port), f"{self.place.user}@{HOST}", self.remote]

    def forward_server(self, port, target):
        self.target = target
        return self.sshd(port)

    def forward_client(self, local, port):
        return [*self.ssh(port), "-N", "-o", "ExitOnForwardFailure=yes",
                "-L", f"{HOST}:{local}:{HOST}:{self.target}", f"{self.place.user}@{HOST}"]

    def two_way(self, answer):
        other = Ssh(self.place, self.name)
        other.options = self.options
        other.remote = f"cat {self.place.path(answer)} & {SINK}; wait"
        return other


class Stunnel(Peer):
    """Both sides verify a certificate. As a pipe its server joins the client to a port."""

    needs_target = True
    can_two_way = False

    def __init__(self, place, name, suite):
        super().__init__(place)
        self.name, self.suite = name, suite
        self.idle_is_free = True
        self.chacha = "CHACHA" in suite
        self.other_cipher = not self.chacha

    def installed(self):
        return shutil.which("stunnel") is not None

    def settings(self, name, service):
        text = f"""
            foreground = quiet
            syslog = no
            debug = 3
            pid =
            [x]
            cert = {self.place.path('tls.pem')}
            CAfile = {self.place.path('tls.crt')}
            verifyPeer = yes
            ciphersuites = {self.suite}
        """ + service
        if service.lstrip().startswith("connect"):  # stdin to a port: no services, no [x]
            text = text.replace("[x]", "")
        return ["stunnel", self.place.write(f"stunnel-{name}", text)]

    def pipe_server(self, port, target=None):
        return self.forward_server(port, target)

    def pipe_client(self, port):
        return self.settings(f"pipe-{port}", f"""connect = {HOST}:{port}
            client = yes
            """)

    def forward_server(self, port, target):
        return self.settings(f"server-{port}", f"""
            accept = {HOST}:{port}
            connect = {HOST}:{target}
            """)

    def forward_client(self, local, port):
        return self.settings(f"client-{local}", f"""
            client = yes
            accept = {HOST}:{local}
            connect = {HOST}:{port}
            """)


class Spiped(Peer):
    name = "spiped"
    needs_target = True
    can_two_way = False
    slow = True
    many = ["-n", "0"]  # connections at a time: no limit

    def installed(self):
        return shutil.which("spiped") is not None

    def pipe_server(self, port, target=None):
        return self.forward_server(port, target)

    def pipe_client(self, port):
        return ["spipe", "-t", f"[{HOST}]:{port}", "-k", self.place.path("shared")]

    def forward_server(self, port, target):
        return ["spiped", "-d", "-F", *self.many, "-k", self.place.path("shared"),
                "-p", self.place.path(f"spiped-{port}"),
                "-s", f"[{HOST}]:{port}", "-t", f"[{HOST}]:{target}"]

    def forward_client(self, local, port):
        return ["spiped", "-e", "-F", *self.many, "-k", self.place.path("shared"),
                "-p", self.place.path(f"spiped-{local}"),
                "-s", f"[{HOST}]:{local}", "-t", f"[{HOST}]:{port}"]


def all_peers(place=None):
    """kith first; everything else in the order in which tables show it."""
    peers = [
        Kith(place),
        OtherKith(place),
        Socat(place, "socat TCP, nothing sealed"),
        Socat(place, "socat AES-256-GCM", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        Socat(place, "socat ChaCha20", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        Ssh(place, "ssh aes128-gcm", "aes128-gcm@openssh.com"),
        Ssh(place, "ssh"),
        Ncat(place),
        Stunnel(place, "stunnel AES-256-GCM", "TLS_AES_256_GCM_SHA384"),
        Stunnel(place, "stunnel ChaCha20", "TLS_CHACHA20_POLY1305_SHA256"),
        Spiped(place),
    ]
    return [peer for peer in peers if peer.installed()]


def loops(place):
    """The bare loop as such first, then what else may be got out of the machine."""
    loop = Loop(place)
    return [
        loop,
        loop.with_arguments("bare loop, 8 a write", "65536", "8"),
        loop.with_arguments("bare loop, mapped, 2 x 64K a write", "65536", "2", "map"),
    ]
