"""Measures forwarders: a client's TCP connections through two of them to a target, and what the two
take of the processor and of memory for it."""

import subprocess
import time

import processes
from processes import Failed, Process


class Forward:
    """A running pair of forwarders; for no peer, the client calls the target directly."""

    def __init__(self, place, peer):
        self.place = place
        self.peer = peer
        self.pair = []
        self.clients = []

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        target_port = processes.free_port()
        self.target = Process([self.place.client, "target", str(target_port)])
        self.clients.append(self.target)
        processes.await_listener(self.target, target_port)
        self.port = target_port
        if self.peer is None:
            return
        port, self.port = processes.free_port(), processes.free_port()
        self.server_port = port
        for words, listens_at in self.peer.forwarders(self.port, port, target_port):
            self.pair.append(Process(words))
            processes.await_listener(self.pair[-1], listens_at)
        self.ask("pingpong", 10)

    def __exit__(self, *_):
        for process in self.clients + self.pair:
            process.stop()

    def ask(self, what, *arguments):
        """Run the client once: the numbers that it prints."""
        client = Process([self.place.client, what, str(self.port), *map(str, arguments)],
                         stdout=subprocess.PIPE)
        try:
            client.wait()
            return [float(word) for word in client.popen.stdout.read().split()]
        finally:
            client.stop()

    def rate(self, what, clients, count):
        """How many a second, and processor microseconds of the pair for each."""
        before = self.cpu()
        (rate,) = self.ask(what, clients, count)
        time.sleep(0.05)  # the ends of the last ones
        return rate, (self.cpu() - before) * 1e6 / (clients * count)

    def keep(self, what, count):
        """Have a client open count connections and keep them; returns it."""
        client = Process([self.place.client, what, str(self.port), str(count)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.clients.append(client)
        alarm = processes.alarm(processes.PATIENCE + count // 50, client.pid)
        line = client.popen.stdout.readline()
        alarm.cancel()
        if line != b"ready\n":
            client.stop()
            raise Failed(f"not {count} connections: {client.complaint()}")
        return client

    def keep_channels(self, count):
        """Have clients beside ours keep so many channels ready; returns the first of them."""
        first = None
        for left in range(count, 0, -self.peer.most_kept):
            keeper = self._keeper(min(left, self.peer.most_kept))
            first = first or keeper
        time.sleep(5)  # whatever is given back when idle has been given back
        return first

    def _keeper(self, count):
        wanted = processes.established(self.server_port) + count
        keeper = Process(self.peer.keeper(processes.free_port(), self.server_port, count))
        self.clients.append(keeper)
        end = time.monotonic() + processes.PATIENCE
        while processes.established(self.server_port) < wanted:
            if keeper.ended() or time.monotonic() > end:
                raise Failed(f"not {count} channels: {keeper.complaint()}")
            time.sleep(0.1)
        return keeper

    def memory_kept(self, count):
        """KiB of both ends for each channel that is kept ready, of so many, beside half as many:
        what the calls for the first ones leave behind is theirs together."""
        server = self.pair[0]
        taken = []
        for kept in (count // 2, count):
            keeper = self.keep_channels(kept)
            taken.append(processes.memory_kib(server.pid) + processes.memory_kib(keeper.pid))
            keeper.stop()
        return (taken[1] - taken[0]) / (count - count // 2)

    def cpu(self):
        return sum(processes.cpu_seconds(process.pid) for process in self.pair)

    def memory(self):
        """KiB of both ends."""
        return sum(processes.memory_kib(process.pid) for process in self.pair)

    def stream(self, direction, streams, size):
        """GB a second, and processor seconds a GB of the pair."""
        before = self.cpu()
        (seconds,) = self.ask(direction, streams, size // streams)
        time.sleep(0.05)  # the ends of the streams, and children that are being waited for
        return size / 1e9 / seconds, (self.cpu() - before) / (size / 1e9)

    def memory_each(self, what, count):
        """KiB of both ends for each connection more, and for how many at most it is known."""
        before = self.memory()
        self.keep(what, count)
        time.sleep(1)  # whatever is given back when idle has been given back
        return (self.memory() - before) / count
