#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""datagrams.py ADDRESS PORT COUNT: sends COUNT datagrams to an echo, a few at a time, and prints how
many came back, once nothing has come for a second."""
import select
import socket
import struct
import sys

BATCH = 20  # more would overrun the echo's socket
BATCH_SECONDS = 0.005
QUIET_SECONDS = 1


def take(end, seen, seconds):
    """Takes what comes until `seconds` pass without anything; fails on an echo that came twice."""
    while select.select([end], [], [], seconds)[0]:
        number, = struct.unpack("!Q", end.recv(100))
        if number in seen:
            sys.exit(f"datagrams.py: {number} came back twice")
        seen.add(number)


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    address, port, count = arguments[0], int(arguments[1]), int(arguments[2])
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    seen = set()
    with socket.socket(family, socket.SOCK_DGRAM) as end:
        end.connect((address, port))
        for number in range(count):
            end.send(struct.pack("!Q", number))
            if number % BATCH == BATCH - 1:
                take(end, seen, BATCH_SECONDS)
        take(end, seen, QUIET_SECONDS)
    print(len(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
