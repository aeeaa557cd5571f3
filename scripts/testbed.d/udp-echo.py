#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""udp-echo.py ADDRESS PORT [ADDRESS PORT]...: sends every datagram back to where it came from."""
import selectors
import socket
import sys


def bound(address: str, port: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    echo = socket.socket(family, socket.SOCK_DGRAM)
    echo.bind((address, int(port)))
    return echo


def main(arguments: list[str]) -> int:
    if not arguments or len(arguments) % 2:
        print(__doc__, file=sys.stderr)
        return 2
    selector = selectors.DefaultSelector()
    for address, port in zip(arguments[::2], arguments[1::2]):
        selector.register(bound(address, port), selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            data, sender = key.fileobj.recvfrom(65535)
            try:
                key.fileobj.sendto(data, sender)
            except OSError as error:  # the sender may be gone: the others still want their echo
                print(f"udp-echo: {sender}: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
