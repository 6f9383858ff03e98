"""Many programs of serve --exec at once.

usage: execs.py SUBJECT     run in a directory with alice and bob in it

Each subject is a function here. Prints what went wrong; exits 1 if anything did."""

import concurrent.futures
import random
import socket
import threading

import daemons
from daemons import check

AT_ONCE = 16
CALLS = 400


def _calls(near, call, count=CALLS):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda number: call(near, number), range(count)))


def _ask_descriptors(near, _number):
    with daemons.connect(near.address) as sock:
        sock.shutdown(socket.SHUT_WR)
        data, how = daemons.read_to_end(sock)
    check(how == "end", "a program's output ended by a", how)
    return data


def descriptors():
    """Programs that are started while others are have no descriptor of theirs."""
    far = daemons.serve(["sh", "-c", "ls /proc/$$/fd"])
    near = daemons.forward(far)
    seen = [len(data.split()) for data in _calls(near, _ask_descriptors)]
    check(set(seen) == {3}, sum(n != 3 for n in seen), "of", len(seen),
          "programs had other than 3 descriptors, up to", max(seen))


def _exchange(near, number):
    content = random.Random(number).randbytes(100000)
    with daemons.connect(near.address) as sock:

        def send():
            sock.sendall(content)
            sock.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        check(daemons.read_to_end(sock) == (content, "end"), "call", number, "lost something")
        sender.join()


def many():
    """Each gets its own bytes back, and nothing is left behind."""
    far = daemons.serve(["cat"])
    near = daemons.forward(far, "--plain")
    _exchange(near, 0)
    before = [(end, end.descriptors(), end.threads()) for end in (far, near)]
    _calls(near, _exchange, CALLS // 2)
    for end, had, ran in before:
        end.has_again(had, ran)
        end.stop()


if __name__ == "__main__":
    daemons.run_subject([descriptors, many])
