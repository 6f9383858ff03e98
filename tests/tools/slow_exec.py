"""Makes the start of one program slow, as one from a network that does not answer is.

usage: slow_exec.py FILE     lets it go on when its stdin ends

Says "held" once it is so, or "not here" where the system has no way for it."""

import ctypes
import os
import struct
import sys

CLASS_CONTENT, MARK_ADD, OPEN_EXEC_PERM, AT_FDCWD, ALLOW = 4, 1, 0x40000, -100, 1
EVENT = struct.Struct("IBBHQii")


def main():
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.fanotify_init(CLASS_CONTENT, os.O_RDONLY)
    if watch < 0 or libc.fanotify_mark(watch, MARK_ADD, ctypes.c_uint64(OPEN_EXEC_PERM), AT_FDCWD,
                                       os.fsencode(sys.argv[1])) != 0:
        sys.exit("not here")
    print("held", flush=True)
    event = EVENT.unpack(os.read(watch, EVENT.size))
    sys.stdin.read()
    os.write(watch, struct.pack("iI", event[5], ALLOW))


if __name__ == "__main__":
    main()
