"""The command of --via in the matrix: carries standard input to HOST PORT, and what comes back to
standard output, an end in each direction by itself. Leaves once nothing more can come or go.

usage: way.py HOST PORT"""

import os
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))

# pylint: disable=wrong-import-position
from inetd import carry, shut


def main():
    """Both directions, until what comes from there has ended."""
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
        threading.Thread(target=carry, daemon=True,
                         args=(0, connection.fileno(), lambda: shut(connection))).start()
        carry(connection.fileno(), 1, lambda: None)


main()
