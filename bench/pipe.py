"""Measures pipes: a file in memory through two processes to /dev/null."""

import os
import time

import processes
from processes import Process

GB = 1e9


class Pipes:
    """One run of a pipe, for any peer; what it costs to start one is measured and taken off."""

    def __init__(self, place):
        self.place = place
        self.null = os.open(os.devnull, os.O_RDWR)

    def make_input(self, size):
        """A file in memory, of bytes that nobody can compress."""
        block = os.urandom(1 << 20)
        with open(self.place.path("input"), "wb") as file:
            for _ in range(size >> 20):
                file.write(block)
        with open(self.place.path("byte"), "wb") as file:
            file.write(b"x")

    def run(self, peer, name, both_ways=False):
        """Seconds, processor seconds of the server and of the client, seconds that this lived."""
        peer = peer.two_way(name) if both_ways else peer
        port = processes.free_port()
        server_in = os.open(self.place.path(name), os.O_RDONLY) if both_ways else self.null
        client_in = os.open(self.place.path(name), os.O_RDONLY)
        target, target_port, server, client = None, None, None, None
        try:
            if peer.needs_target:
                target_port = processes.free_port()
                target = Process([self.place.client, "sink", str(target_port)])
                processes.await_listener(target, target_port)
            server = Process(peer.pipe_server(port, target_port), server_in, self.null)
            processes.await_listener(server, port)
            start = time.monotonic()
            client = Process(peer.pipe_client(port), client_in, self.null).wait()
            self._end_of(peer, server, target)
            return time.monotonic() - start, server.stop().cpu, client.cpu, client.lived
        finally:
            for process in (client, server, target):
                if process:
                    process.stop()
            os.close(client_in)
            if server_in != self.null:
                os.close(server_in)

    def life_of_client(self, peer):
        """Seconds from the start to the end of a client with one byte to carry."""
        return self.run(peer, "byte")[3]

    @staticmethod
    def _end_of(peer, server, target):
        """A server for one client ends; one for many has nobody left, or its target ends."""
        if target:
            target.wait()
        elif peer.stays:
            while len(processes.tree(server.pid)) > 1:
                time.sleep(0.001)
        else:
            server.wait()

    def net_of_start(self, peer, size, both_ways=False):
        """GB a second, and processor seconds a GB of server and client."""
        whole = self.run(peer, "input", both_ways)
        start = self.run(peer, "byte", both_ways)
        amount = size * (2 if both_ways else 1) / GB
        seconds, server, client = (max(a - b, 1e-6) for a, b in zip(whole[:3], start))
        return amount / seconds, server / amount, client / amount
