#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hold.py [--host NAME] [--from SOURCE] ADDRESS PORT COUNT

Opens COUNT HTTP connections, makes one request on each and keeps them open. Then it reads commands,
one a line, does them on every connection and prints one line each: `COUNT OUTCOME` for every
outcome, sorted, with commas between. SECONDS is the time for all connections together, by default
2.

  request [SECONDS]   a request and its response: `200` is the status, `silent` none in time
  response [SECONDS]  waits for the response that the last request did not get
  state               whether the connection stands: `open`, the errno that it died of, or `closed`

A connection that has died stays so: its outcome is its errno from then on.
"""
import argparse
import collections
import errno
import select
import socket
import sys
import time

SECONDS = 2


class Connection:
    """One connection and the bytes that came over it."""

    def __init__(self, address, port, host, source):
        self.socket = socket.create_connection((address, port), SECONDS, source)
        self.bytes = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        self.ended = None
        self.received = b""

    def end(self, error):
        self.ended = errno.errorcode[error.errno] if error else "closed"
        return self.ended

    def request(self):
        try:
            self.socket.sendall(self.bytes)
        except OSError as error:
            self.end(error)

    def response(self, deadline):
        try:
            while (status := self.take_response()) is None:
                self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
                data = self.socket.recv(65536)
                if not data:
                    return self.end(None)
                self.received += data
        except TimeoutError:
            return "silent"
        except OSError as error:
            return self.end(error)
        return status

    def state(self):
        readable = select.poll()
        readable.register(self.socket, select.POLLIN)
        if not readable.poll(0):
            return "open"
        try:
            return "open" if self.socket.recv(1, socket.MSG_PEEK) else self.end(None)
        except OSError as error:
            return self.end(error)

    def take_response(self):
        """Takes one whole response off what was received; returns its status, or None."""
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return None
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) < length:
            return None
        self.received = body[length:]
        return head.split()[1].decode()


def perform(command, seconds, connections):
    if command == "request":
        for each in connections:
            if not each.ended:
                each.request()
    deadline = time.monotonic() + seconds
    outcomes = collections.Counter()
    for each in connections:
        if each.ended:
            outcomes[each.ended] += 1
        elif command == "state":
            outcomes[each.state()] += 1
        else:
            outcomes[each.response(deadline)] += 1
    return ", ".join(f"{count} {what}" for what, count in sorted(outcomes.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="registry.example")
    parser.add_argument("--from", dest="source", metavar="SOURCE")
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    arguments = parser.parse_args()
    source = (arguments.source, 0) if arguments.source else None
    connections = [Connection(arguments.address, arguments.port, arguments.host, source)
                   for _ in range(arguments.count)]
    print(perform("request", SECONDS, connections), flush=True)
    for line in sys.stdin:
        command, _, seconds = line.strip().partition(" ")
        if command not in ("request", "response", "state"):
            sys.exit(f"hold.py: '{command}' is no command")
        print(perform(command, float(seconds or SECONDS), connections), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
