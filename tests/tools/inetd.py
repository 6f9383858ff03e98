"""A super-server: takes one call after another, and starts a program for each with the channel on its
standard input and output.

usage: inetd.py HOW CALLS COMMAND...

HOW is socket (the connection itself), all (the same, as standard error, too, as inetd has it), or
pipes (two, that lead to the connection). Takes so many CALLS, one at a time, and ends. Writes its
address to the file address, and how each program has ended to the file statuses."""

import os
import socket
import subprocess
import sys
import threading

LIMIT = float(os.environ.get("KITH_TEST_LIMIT", "30"))


def carry(source, sink, done):
    """From one descriptor to the other, up to the end."""
    try:
        while data := os.read(source, 65536):
            while data:
                data = data[os.write(sink, data):]
    except OSError:
        pass
    done()


def shut(connection):
    """An end for the other side, if it is still there."""
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def lead(connection, stdin, stdout):
    """Have a program's input come from the connection, and its output go there, which the thread
    that is returned does: both are files."""
    ours = os.dup(connection.fileno()) # which nobody else closes, whose number another one gets then

    def end():
        stdin.close()
        os.close(ours)

    threading.Thread(target=carry, daemon=True, args=(ours, stdin.fileno(), end)).start()
    back = threading.Thread(target=carry, daemon=True, args=(
        stdout.fileno(), connection.fileno(), lambda: shut(connection)))
    back.start()
    return back


def by_pipes(connection, command):
    """Start it behind two pipes."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    back = lead(connection, child.stdin, child.stdout)
    status = child.wait(LIMIT)
    back.join(LIMIT)
    return status


def main():
    how, calls, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    listener = socket.create_server(("127.0.0.1", 0))
    with open("address.new", "w", encoding="ascii") as file:
        print("127.0.0.1:%d" % listener.getsockname()[1], file=file)
    os.rename("address.new", "address")
    for _ in range(calls):
        connection, _ = listener.accept()
        if how == "pipes":
            status = by_pipes(connection, command)
        else:
            given = {"stderr": connection} if how == "all" else {}
            child = subprocess.Popen(command, stdin=connection, stdout=connection, **given)
            connection.close()
            status = child.wait(LIMIT)
        connection.close()
        with open("statuses", "a", encoding="ascii") as file:
            print(status if status >= 0 else 128 - status, file=file)


if __name__ == "__main__":
    main()
