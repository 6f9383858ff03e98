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
        self.pair.append(Process(self.peer.forward_server(port, target_port)))
        processes.await_listener(self.pair[0], port)
        self.pair.append(Process(self.peer.forward_client(self.port, port)))
        processes.await_listener(self.pair[1], self.port)
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
