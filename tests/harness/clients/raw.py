#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""raw.py [--timeout SECONDS] ADDRESS PORT SCRIPT

Plays bytes on one TCP connection. Every `send` is one write of its own (no Nagle). SCRIPT has one
step a line; `-` reads it from standard input; empty lines and lines that begin with # are skipped.

  send TEXT        writes TEXT; \\r \\n \\t \\\\ \\xHH are understood
  zeros N          writes N zero bytes in one call
  responses N      waits until N HTTP responses in all have arrived
  bytes N          waits until N bytes in all have arrived
  acked            waits until the peer's kernel has acknowledged everything that was written
  quiet SECONDS    waits that long and fails when anything arrives
  shutdown         ends the writing side
  closed           waits for the peer's end of the connection

Prints `STATUS SERVED-BY LENGTH` for each response as it becomes whole, in order, then `closed` or
`reset` when the peer ended the connection. Exits 1 when a step was not fulfilled in time.
"""
import argparse
import array
import codecs
import fcntl
import re
import socket
import sys
import termios
import time

STEPS = {"send", "zeros", "responses", "bytes", "acked", "quiet", "shutdown", "closed"}
POLL_SECONDS = 0.005


class Failure(Exception):
    """A step that was not fulfilled; its text is for people."""


class Connection:
    """A TCP connection, what came over it, and the responses therein."""

    def __init__(self, address, port, timeout):
        self.socket = socket.create_connection((address, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.received = 0
        self.pending = bytearray()
        self.needed = 0  # bytes of the response at hand, when its head has been read
        self.responses = 0
        self.ended = None

    def end(self, word):
        self.ended = word
        print(word, flush=True)

    def write(self, data):
        self.socket.settimeout(self.timeout)
        try:
            self.socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            self.end("reset")

    def take(self, seconds):
        """Reads what arrives within `seconds`; returns whether anything did."""
        if self.ended:
            return False
        self.socket.settimeout(max(seconds, 0.001))
        try:
            data = self.socket.recv(1 << 20)
        except TimeoutError:
            return False
        except ConnectionResetError:
            self.end("reset")
            return True
        if not data:
            self.end("closed")
            return True
        self.received += len(data)
        self.pending += data
        while self.take_response():
            pass
        return True

    def take_response(self):
        """Takes one whole response off the front of what is pending, and prints it."""
        if len(self.pending) < self.needed:
            return False
        end = self.pending.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self.pending[:end])
        status = re.match(rb"HTTP/1\.[01] (\d{3})", head)
        if not status:
            raise Failure(f"this is no HTTP response: {head[:60]!r}")
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
        length = int(length[1]) if length else 0
        self.needed = end + 4 + length
        if len(self.pending) < self.needed:
            return False
        served = re.search(rb"\r\nx-served-by: *([^\r]+)", head, re.I)
        served = served[1].decode() if served else "-"
        del self.pending[:self.needed]
        self.needed = 0
        self.responses += 1
        print(f"{status[1].decode()} {served} {length}", flush=True)
        return True

    def unacked(self):
        count = array.array("i", [0])
        fcntl.ioctl(self.socket, termios.TIOCOUTQ, count)
        return count[0]

    def wait(self, condition, what):
        deadline = time.monotonic() + self.timeout
        while not condition():
            if time.monotonic() >= deadline:
                raise Failure(f"not within {self.timeout} s: {what}")
            if self.ended:
                raise Failure(f"the connection was {self.ended} before: {what}")
            self.take(POLL_SECONDS)

    def stay_quiet(self, seconds):
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self.take(left):
                raise Failure(f"not quiet for {seconds} s")


def perform(connection, step, argument):
    if step == "send":
        connection.write(codecs.escape_decode(argument.encode())[0])
    elif step == "zeros":
        connection.write(bytes(int(argument)))
    elif step == "responses":
        connection.wait(lambda: connection.responses >= int(argument), f"{argument} responses")
    elif step == "bytes":
        connection.wait(lambda: connection.received >= int(argument), f"{argument} bytes")
    elif step == "acked":
        connection.wait(lambda: connection.unacked() == 0, "everything acknowledged")
    elif step == "quiet":
        connection.stay_quiet(float(argument))
    elif step == "shutdown":
        connection.socket.shutdown(socket.SHUT_WR)
    else:
        connection.wait(lambda: connection.ended is not None, "the peer's end of the connection")


def read_script(path):
    with sys.stdin if path == "-" else open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            step, _, argument = line.partition(" ")
            if step not in STEPS:
                sys.exit(f"raw.py: line {number}: '{step}' is no step")
            yield number, step, argument


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timeout", type=float, default=10)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("script")
    arguments = parser.parse_args()
    steps = list(read_script(arguments.script))
    connection = Connection(arguments.address, arguments.port, arguments.timeout)
    for number, step, argument in steps:
        try:
            perform(connection, step, argument)
        except (Failure, OSError, ValueError) as error:
            print(f"raw.py: line {number}: {step}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
