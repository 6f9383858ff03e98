"""Owns what is expected of kith beside its peers, as ratios within one run."""

import peers
from results import Results

KITH = "kith"
LOOP = "bare loop"
PLAIN = "socat TCP, nothing sealed"
AT_LEAST, AT_MOST = "at least", "at most"


class Targets:
    """Each method yields (what, how much, AT_LEAST or AT_MOST, limit)."""

    def __init__(self, folder):
        self.folder = folder
        everyone = peers.all_peers()
        self.sealing = [peer.name for peer in everyone if not peer.plain and peer.name != KITH]
        self.chacha = [peer.name for peer in everyone if peer.chacha and peer.name != KITH]

    def results(self, name):
        return Results.load(self.folder, name)

    @staticmethod
    def best(results, names, at, unit, choose):
        """The best of these peers, and its median; (None, None) if none was measured."""
        known = [(results.median(name, at, unit), name) for name in names
                 if results.median(name, at, unit) is not None]
        value, name = choose(known) if known else (None, None)
        return name, value

    def beside(self, what, results, names, at, unit, sense, limit):
        """kith against the best of these."""
        choose = max if sense == AT_LEAST else min
        ours = results.median(KITH, at, unit)
        name, theirs = self.best(results, names, at, unit, choose)
        if ours is not None and theirs:
            yield f"{what}, of {name}", ours / theirs, sense, limit

    def of_pipe(self):
        results = self.results("pipe")
        yield from self.beside("pipe: GB/s", results, [LOOP], "", "GB/s", AT_LEAST, 0.95)
        yield from self.beside("pipe: GB/s", results, self.sealing, "", "GB/s", AT_LEAST, 1)
        yield from self.beside("pipe: GB/s", results, self.chacha, "", "GB/s", AT_LEAST, 1.25)
        yield from self.beside("pipe: CPU", results, self.sealing, "", "CPU s/GB", AT_MOST, 1)

    def of_forward(self):
        results = self.results("forward")
        as_installed = [name for name in self.sealing if name != "ssh aes128-gcm"]
        for direction in ("upload", "download"):
            one, many = f"{direction}, 1", f"{direction}, 16"
            yield from self.beside(f"forward, {one} stream: GB/s", results, as_installed, one,
                                   "GB/s", AT_LEAST, 1.25)
            yield from self.beside(f"forward, {one} stream: CPU", results, ["ssh aes128-gcm"], one,
                                   "CPU s/GB", AT_MOST, 1)
            for unit, sense, limit in (("GB/s", AT_LEAST, 1), ("CPU s/GB", AT_MOST, 1.03)):
                alone, together = (results.median(KITH, at, unit) for at in (one, many))
                if alone and together:
                    yield (f"forward, {direction}: {unit} of 16 streams, of one",
                           together / alone, sense, limit)

    def of_latency(self):
        results = self.results("latency")
        yield from self.beside("round trip", results, self.sealing, "0", "median us", AT_MOST, 1)
        alone = results.median(KITH, "0", "median us")
        for idle in results.places():
            value = results.median(KITH, idle, "median us")
            if idle != "0" and value and alone:
                yield f"round trip beside {idle} idle, of alone", value / alone, AT_MOST, 1.1

    def of_connections(self):
        results = self.results("connections")
        handshakers = [name for name in self.sealing if not name.startswith("ssh")]
        machine = self.results("machine")
        rates = [machine.median(name, "", "a second")
                 for name in ("X25519", "Ed25519 sign", "Ed25519 verify")]
        for clients, cores in (("1", 1), ("16", 2)):
            what = f"connections a second, {clients} at a time"
            yield from self.beside(what, results, handshakers, clients, "connections/s",
                                   AT_LEAST, 3)
            yield from self.beside(what, results, ["ssh"], clients, "connections/s",
                                   AT_LEAST, 1.25)
            ours = results.median(KITH, clients, "connections/s")
            if ours and all(rates):
                exchange, sign, verify = rates
                handshake = 2 * (2 / exchange + 1 / sign + 1 / verify)
                yield (f"{what}, of what the curve operations allow on {cores} core(s)",
                       ours * handshake / cores, AT_LEAST, 0.6)

    def of_requests(self):
        yield from self.beside("requests a second of 20 at once", self.results("requests"), ["ssh"],
                               "20", "requests/s", AT_LEAST, 1)

    def of_opening(self):
        results = self.results("opening")
        yield from self.beside("first byte of a connection", results, [PLAIN], "0", "median us",
                               AT_MOST, 1.3)
        alone = results.median(KITH, "0", "median us")
        for kept in results.places():
            value = results.median(KITH, kept, "median us")
            if kept != "0" and value and alone:
                yield (f"first byte of a connection beside {kept} kept channels, of alone",
                       value / alone, AT_MOST, 1.1)

    def of_first_byte(self):
        yield from self.beside("first byte: time", self.results("first-byte"), self.sealing, "",
                               "ms", AT_MOST, 1)

    def of_memory(self):
        ours = self.results("memory").median(KITH, "idle", "KiB")
        kept = self.results("memory").median(KITH, "kept", "KiB")
        if ours is not None:
            yield "memory of an idle connection at both ends, of 38 KiB", ours / 38, AT_MOST, 1
        if kept is not None:
            yield "memory of a kept channel at both ends, of 12 KiB", kept / 12, AT_MOST, 1

    def all(self):
        for measure in (self.of_pipe, self.of_forward, self.of_latency, self.of_connections,
                        self.of_requests, self.of_opening, self.of_first_byte, self.of_memory):
            yield from measure()


def table(folder):
    yield "| what | kith | must be | |"
    yield "|---|---|---|---|"
    for what, ratio, sense, limit in Targets(folder).all():
        holds = ratio >= limit if sense == AT_LEAST else ratio <= limit
        yield f"| {what} | {ratio:.2f} | {sense} {limit} | {'yes' if holds else '**no**'} |"
