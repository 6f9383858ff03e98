"""Owns what is measured, in which order and how often. Peers take turns within each round, so that
what else the machine does meets all of them alike."""

import re
import resource
import subprocess
import sys
import time

import peers
from forward import Forward
from pipe import Pipes
from processes import Failed
from results import Results

MIB = 1 << 20
MANY = 10000  # connections


class Direct(peers.Peer):
    """No forwarder at all."""

    name = "direct"
    most_idle = MANY


class Bench:
    def __init__(self, place, out, quick, rounds, only):
        self.place = place
        self.out = out
        self.quick = quick
        self.rounds = rounds or (1 if quick else 5)
        self.size = (256 if quick else 1024) * MIB
        everyone = peers.all_peers(place)
        self.peers = [peer for peer in everyone
                      if not only or any(part in peer.name for part in only)]
        self.loop = [peer for peer in peers.loops(place) if peer.installed()]
        self.pipes = Pipes(place)

    def measure(self, name):
        print(f"\n{name}: {self.rounds} rounds", file=sys.stderr)
        results = Results(self.out, name)
        ALL[name](self, results)
        results.save()

    def forwarders(self):
        """Once each, where the cipher does not matter."""
        return [peer for peer in self.peers if peer.can_forward and not peer.other_cipher]

    def size_for(self, peer):
        """Slow ones get less to do."""
        return self.size // 4 if peer.slow else self.size

    @staticmethod
    def most_connections():
        """10,000, or as many as a forwarder has two descriptors each for."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return min(MANY, (limit - 200) // 200 * 100)

    @staticmethod
    def most_kept():
        """10,000 channels, or as many as one server has two descriptors each for, beside callers."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return max(1000, min(MANY, (limit - 4000) // 2000 * 1000))

    def round_trip(self, peer, idle):
        with self.forward(peer) as running:
            if idle:
                running.keep("idle", idle)
                time.sleep(0.2)
            return running.ask("pingpong", self.pings(idle, peer))

    def forward(self, peer):
        return Forward(self.place, None if isinstance(peer, Direct) else peer)

    def pings(self, idle, peer):
        fewer = 10 if idle > 100 and peer.most_idle and not peer.idle_is_free else 1
        return (1000 if self.quick else 5000) // fewer

    def connects(self, peer):
        return (320 if self.quick else 1600) // (4 if peer.slow_to_connect else 1)

    def say(self, text):
        if sys.stderr.isatty():
            print(f"\r\033[K  {text}", end="", file=sys.stderr, flush=True)

    def in_turns(self, candidates, once):
        """once(peer) for each of them, round after round. Who fails is left out from then on."""
        failed = set()
        for turn in range(self.rounds):
            for peer in candidates:
                if peer.name in failed:
                    continue
                self.say(f"{turn + 1}: {peer.name} ")
                try:
                    once(peer)
                except Failed as failure:
                    failed.add(peer.name)
                    print(f"\n  {peer.name}: left out: {failure}", file=sys.stderr)
        self.say("")


# ---- The machine ----


def machine(bench, results):
    """What libcrypto does alone, on one core."""
    seconds = "1" if bench.quick else "2"

    def speed(pattern, *arguments):
        said = subprocess.run(["openssl", "speed", "-mr", "-seconds", seconds, *arguments],
                              check=True, capture_output=True, text=True).stdout
        return re.search(pattern, said, re.MULTILINE).groups()

    def once(_):
        (rate,) = speed(r"^\+F:.*:([0-9.]+)$", "-bytes", "65536", "-evp", "chacha20-poly1305")
        results.add("ChaCha20-Poly1305", "", "GB/s", float(rate) / 1e9)
        (rate,) = speed(r"^\+F5:.*:([0-9.]+):[0-9.]+$", "ecdhx25519")
        results.add("X25519", "", "a second", float(rate))
        sign, verify = speed(r"^\+F6:.*:([0-9.]+):([0-9.]+)$", "ed25519")
        results.add("Ed25519 sign", "", "a second", float(sign))
        results.add("Ed25519 verify", "", "a second", float(verify))

    bench.in_turns([Direct()], once)


# ---- Pipes ----


def pipe(bench, results, both_ways=False):
    bench.pipes.make_input(bench.size)

    def once(peer):
        rate, server, client = bench.pipes.net_of_start(peer, bench.size, both_ways)
        results.add(peer.name, "", "GB/s", rate)
        results.add(peer.name, "", "CPU s/GB, listener", server)
        results.add(peer.name, "", "CPU s/GB, dialer", client)
        results.add(peer.name, "", "CPU s/GB", server + client)

    everyone = bench.peers + bench.loop
    bench.in_turns([peer for peer in everyone if peer.can_two_way or not both_ways], once)


def pipe_both_ways(bench, results):
    pipe(bench, results, True)


def first_byte(bench, results):
    """The whole life of a client that carries one byte to a server which waits for it."""
    bench.pipes.make_input(0)

    def once(peer):
        for _ in range(3 if bench.quick else 5):
            results.add(peer.name, "", "ms", bench.pipes.life_of_client(peer) * 1e3)

    bench.in_turns(bench.peers, once)


def frame_size(bench, results):
    """How pipes grow with the size of a message."""
    bench.pipes.make_input(bench.size)
    sizes = [4, 16, 32, 64, 128, 256, 1024]

    def once(peer):
        for size in sizes[1::2] if bench.quick else sizes:
            sized = peer.with_size(size << 10)
            rate, server, client = bench.pipes.net_of_start(sized, bench.size)
            results.add(peer.name, f"{size}K", "GB/s", rate)
            results.add(peer.name, f"{size}K", "CPU s/GB", server + client)

    bench.in_turns([peer for peer in bench.peers + bench.loop[:1] if peer.can_be_sized], once)


# ---- Forwarders ----


def forward(bench, results):
    """One, four and sixteen streams, in both directions."""
    def once(peer):
        with bench.forward(peer) as running:
            for direction in ("upload", "download"):
                for streams in (1, 16) if bench.quick else (1, 4, 16):
                    at = f"{direction}, {streams}"
                    rate, cpu = running.stream(direction, streams, bench.size_for(peer))
                    results.add(peer.name, at, "GB/s", rate)
                    results.add(peer.name, at, "CPU s/GB", cpu)

    bench.in_turns([peer for peer in bench.peers if peer.can_forward], once)


def latency(bench, results):
    """Round trips of 64 bytes, alone and beside idle connections."""
    counts = [0, 1000] if bench.quick else [0, 100, 1000, 4000, bench.most_connections()]
    too_many = {}  # a peer: how many connections it could be asked for at most

    def once(peer):
        for idle in counts if peer.most_idle else counts[:1]:
            if idle > peer.most_idle or idle > too_many.get(peer.name, idle):
                break
            try:
                # Alone it takes no time, and depends on where the threads happen to run.
                trips = [bench.round_trip(peer, idle) for _ in range(1 if bench.quick or idle else 3)]
            except Failed as failure:
                if idle == 0:
                    raise
                too_many[peer.name] = idle - 1
                print(f"  {peer.name}: {failure}", file=sys.stderr)
                break
            for median, p99 in trips:
                results.add(peer.name, idle, "median us", median)
                results.add(peer.name, idle, "p99 us", p99)

    bench.in_turns([Direct()] + bench.forwarders(), once)


def connections(bench, results):
    """Connect, a byte each way, close: how many a second, and what each takes of the processor."""
    def once(peer):
        with bench.forward(peer) as running:
            for clients in (1, 16):
                rate, cpu = running.rate("connects", clients, bench.connects(peer) // clients)
                results.add(peer.name, clients, "connections/s", rate)
                results.add(peer.name, clients, "CPU us", cpu)

    others = [kind(bench.place) for peer in bench.peers if peer.name == "kith"
              for kind in (peers.PlainKith, peers.ReverseKith)]
    bench.in_turns([Direct()] + bench.forwarders() + others, once)


def requests(bench, results):
    """Round trips of 64 bytes in twenty connections of one program at once."""
    def once(peer):
        with bench.forward(peer) as running:
            rate, cpu = running.rate("requests", 20, 200 if bench.quick else 1000)
            results.add(peer.name, 20, "requests/s", rate)
            results.add(peer.name, 20, "CPU us", cpu)

    bench.in_turns([Direct()] + bench.forwarders(), once)


def opening(bench, results):
    """How long the first byte of a connection takes, there and back; with kept channels, beside
    many that have nothing to do."""
    counts = [0, 1000] if bench.quick else [0, 1000, bench.most_kept()]

    def once(peer):
        with bench.forward(peer) as running:
            for kept in counts if peer.most_kept else counts[:1]:
                if kept:
                    running.keep_channels(kept - counts[counts.index(kept) - 1])
                median, p99 = running.ask("openings", bench.connects(peer) // 4)
                results.add(peer.name, kept, "median us", median)
                results.add(peer.name, kept, "p99 us", p99)

    plain = [peer for peer in bench.peers if peer.can_forward and peer.plain]
    bench.in_turns([Direct()] + plain + [peer for peer in bench.forwarders()
                                         if peer not in plain], once)


def memory(bench, results):
    """For each idle connection, for each in which data runs, and for each channel kept ready."""
    def once(peer):
        idle = min(200 if bench.quick else 1000, peer.most_idle or 100)
        with bench.forward(peer) as running:
            results.add(peer.name, "idle", "KiB", running.memory_each("idle", idle))
        with bench.forward(peer) as running:
            results.add(peer.name, "busy", "KiB", running.memory_each("busy", 50))
        if peer.most_kept:
            with bench.forward(peer) as running:
                results.add(peer.name, "kept", "KiB", running.memory_kept(peer.most_kept))

    bench.in_turns(bench.forwarders(), once)


ALL = {
    "machine": machine,
    "pipe": pipe,
    "pipe-both-ways": pipe_both_ways,
    "first-byte": first_byte,
    "forward": forward,
    "latency": latency,
    "connections": connections,
    "requests": requests,
    "opening": opening,
    "memory": memory,
    "frame-size": frame_size,
}
