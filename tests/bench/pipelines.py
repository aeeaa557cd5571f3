#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pipelines.py HOST PORT CONNECTIONS REQUESTS

Opens CONNECTIONS connections, sends REQUESTS numbered requests on each, every one in a message of its
own and none waiting for a response, and prints how many were answered with 200 in the end.
"""
import selectors
import socket
import sys
import time

LIMIT_S = 30


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__.strip())
    host, port, count, requests = sys.argv[1], *map(int, sys.argv[2:])
    selector = selectors.DefaultSelector()
    for _ in range(count):
        connection = socket.create_connection((host, port), timeout=5)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, bytearray())
    for number in range(requests):
        for key in selector.get_map().values():
            key.fileobj.sendall(b"GET /?number=%d HTTP/1.1\r\nHost: %s\r\n\r\n"
                                % (number, host.encode()))
    answered, give_up = 0, time.monotonic() + LIMIT_S
    while answered < count * requests and selector.get_map() and time.monotonic() < give_up:
        for key, _ in selector.select(1):
            part = key.fileobj.recv(65536)
            if not part:
                selector.unregister(key.fileobj)
            key.data.extend(part)
        answered = sum(key.data.count(b"HTTP/1.1 200 ") for key in selector.get_map().values())
    print(answered)


main()
