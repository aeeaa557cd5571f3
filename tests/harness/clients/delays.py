#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""delays.py HOST PORT CONNECTIONS REQUESTS SPREAD_MS

Opens CONNECTIONS connections, has each make REQUESTS requests in a row, the first ones evenly spread
over SPREAD_MS, and prints how long the responses took, in microseconds:

  COUNT ERRORS MIN P50 P99 MAX IN_FLIGHT

IN_FLIGHT is the largest number of requests that waited at a time.
"""
import selectors
import socket
import sys
import time

LIMIT_S = 60
REQUEST = b"GET /fast HTTP/1.1\r\nHost: %s\r\n\r\n"


class Connection:
    def __init__(self, host, port, requests, start_at):
        self.socket = socket.create_connection((host, port), timeout=5)
        self.socket.setblocking(False)
        self.request = REQUEST % host.encode()
        self.left = requests
        self.next_at = start_at
        self.sent_at = None
        self.received = b""

    def send(self):
        self.received = b""
        self.sent_at = time.monotonic_ns()
        self.socket.send(self.request)

    def whole(self):
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return False
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                return len(body) >= int(line.split(b":")[1])
        return True


def play(connections, selector):
    taken, errors, in_flight, most = [], 0, 0, 0
    waiting = sorted(connections, key=lambda one: one.next_at, reverse=True)
    left = sum(one.left for one in connections)
    give_up = time.monotonic() + LIMIT_S
    while left and time.monotonic() < give_up:
        while waiting and waiting[-1].next_at <= time.monotonic_ns():
            one = waiting.pop()
            selector.register(one.socket, selectors.EVENT_READ, one)
            one.send()
            in_flight += 1
        most = max(most, in_flight)
        pause = max(0, waiting[-1].next_at - time.monotonic_ns()) / 1e9 if waiting else 1
        for key, _ in selector.select(min(pause, 1)):
            one = key.data
            try:
                part = one.socket.recv(65536)
            except OSError:
                part = b""
            now = time.monotonic_ns()
            one.received += part
            if not part:
                selector.unregister(one.socket)
                errors += one.left
                left -= one.left
                in_flight -= 1
            elif one.whole():
                errors += not one.received.startswith(b"HTTP/1.1 200 ")
                taken.append((now - one.sent_at) // 1000)
                one.left -= 1
                left -= 1
                in_flight -= 1
                if one.left:
                    one.send()
                    in_flight += 1
    return sorted(taken), errors + left, most


def main():
    host, port, count, requests, spread = sys.argv[1], *map(int, sys.argv[2:])
    begin = time.monotonic_ns() + 200_000_000 + count * 200_000
    connections = [Connection(host, port, requests, begin + spread * 1_000_000 * i // count)
                   for i in range(count)]
    taken, errors, most = play(connections, selectors.DefaultSelector())
    if not taken:
        taken = [0]
    print(len(taken), errors, taken[0], taken[len(taken) // 2],
          taken[len(taken) * 99 // 100], taken[-1], most)


main()
