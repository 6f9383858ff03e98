#!/usr/bin/env python3
"""The access list of a file, where no setfacl and getfacl are. acl.py give FILE ENTRY..., of a folder
with default for what is made in it: acl.py default FOLDER ENTRY...; acl.py show FILE. An ENTRY is
WHO:ID:NUMBER, as user::6 or user:1234:4; give and default fail where the file system has none."""
import os
import struct
import sys

TAGS = {"user:": 1, "user": 2, "group:": 4, "group": 8, "mask:": 16, "other:": 32}
NOBODY = 0xFFFFFFFF


def packed(entry):
    who, number, rights = entry.split(":")
    tag = TAGS[who if number else who + ":"]
    return struct.pack("<HHI", tag, int(rights), int(number) if number else NOBODY)


def written(entry):
    names = {tag: name for name, tag in TAGS.items()}
    tag, rights, number = entry
    who = names[tag].rstrip(":")
    return f"{who}:{'' if number == NOBODY else number}:{rights}"


def main(what, path, *entries):
    name = "system.posix_acl_" + ("default" if what == "default" else "access")
    if what == "show":
        if name not in os.listxattr(path):
            return
        print(*map(written, struct.iter_unpack("<HHI", os.getxattr(path, name)[4:])))
    else:
        os.setxattr(path, name, struct.pack("<I", 2) + b"".join(map(packed, entries)))


main(*sys.argv[1:])
