#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hold.py [--timeout SECONDS] ADDRESS PORT COUNT

Opens COUNT HTTP connections, makes one request on each and keeps them open. Then it reads commands,
one a line, does them on every connection and prints one line each: `COUNT OUTCOME` for every
outcome, sorted, with commas between.

  request   a request and its response: `200` is the status, `silent` no response in time
  response  waits for the response that the last request did not get
  state     whether the connection stands: `open`, or the errno that it died of, or `closed`

A connection that has died stays so: its outcome is its errno from then on.
"""
import argparse
import collections
import errno
import select
import socket
import sys

REQUEST = b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n"


class Connection:
    """One connection; its methods are the commands."""

    def __init__(self, address, port, timeout):
        self.socket = socket.create_connection((address, port), timeout)
        self.host = address.encode()
        self.ended = None  # the errno's name, or `closed`
        self.status = None
        self.received = b""

    def request(self):
        try:
            self.socket.sendall(REQUEST % self.host)
        except OSError as error:
            return self.end(error)
        return self.response()

    def response(self):
        try:
            while not self.take_response():
                data = self.socket.recv(65536)
                if not data:
                    return self.end(None)
                self.received += data
        except TimeoutError:
            return "silent"
        except OSError as error:
            return self.end(error)
        return self.status

    def state(self):
        readable = select.poll()
        readable.register(self.socket, select.POLLIN)
        if not readable.poll(0):
            return "open"
        try:
            return "open" if self.socket.recv(1, socket.MSG_PEEK) else self.end(None)
        except OSError as error:
            return self.end(error)

    def end(self, error):
        self.ended = errno.errorcode[error.errno] if error else "closed"
        return self.ended

    def take_response(self):
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return False
        lower = head.lower()
        at = lower.index(b"content-length:") + len(b"content-length:")
        length = int(lower[at:].split(b"\r\n")[0])
        if len(body) < length:
            return False
        self.status = head.split()[1].decode()
        self.received = body[length:]
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timeout", type=float, default=2)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    arguments = parser.parse_args()
    connections = [Connection(arguments.address, arguments.port, arguments.timeout)
                   for _ in range(arguments.count)]
    commands = ["request"]
    while commands:
        for command in commands:
            if command not in ("request", "response", "state"):
                sys.exit(f"hold.py: '{command}' is no command")
            outcomes = collections.Counter(each.ended or getattr(each, command)()
                                           for each in connections)
            print(", ".join(f"{count} {what}" for what, count in sorted(outcomes.items())),
                  flush=True)
        line = sys.stdin.readline()
        commands = line.split()
    return 0


if __name__ == "__main__":
    sys.exit(main())
