#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""queries.py NAME SERVER COUNT: asks SERVER COUNT times for the address of NAME, each time from a
socket of its own, and prints how often each RCODE came: `COUNT RCODE`, or `COUNT silent`."""
import collections
import secrets
import socket
import struct
import sys


def query(name, server):
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as end:
        end.settimeout(1)
        end.connect((server, 53))
        end.send(struct.pack("!HHHHHH", secrets.randbits(16), 0x0100, 1, 0, 0, 0) + question + b"\0\1\0\1")
        try:
            return end.recv(4096)[3] & 15
        except TimeoutError:
            return "silent"


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    codes = collections.Counter(query(*arguments[:2]) for _ in range(int(arguments[2])))
    for code, count in sorted(codes.items(), key=str):
        print(count, code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
