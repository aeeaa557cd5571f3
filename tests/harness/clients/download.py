#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""download.py [--host NAME] [--connect-first] [--timeout SECONDS] ADDRESS PORT PATH

Requests PATH by HTTP/1.1 and reads the response to its end. Each time that nothing has come for 0.5
seconds while more is due it prints `silent BYTES`, once for the same number; at the end `done BYTES
SHA256`. BYTES are those of the TCP stream, head included; SHA256 is of the body. With
--connect-first it prints `connected`, and waits for a line on its input before it makes the request.
Exits 1 when the whole has not come within --timeout.
"""
import argparse
import hashlib
import socket
import sys
import time

SILENCE = 0.5


class Response:
    """What has come of a response."""

    def __init__(self):
        self.received = 0
        self.head = b""
        self.due = None  # bytes of the whole
        self.body = hashlib.sha256()

    def take(self, data):
        self.received += len(data)
        if self.due is None:
            head, separator, data = (self.head + data).partition(b"\r\n\r\n")
            self.head = head
            if not separator:
                return
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            self.due = len(head) + 4 + length
        self.body.update(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="registry.example")
    parser.add_argument("--connect-first", action="store_true")
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    arguments = parser.parse_args()
    deadline = time.monotonic() + arguments.timeout
    response, said = Response(), None
    with socket.create_connection((arguments.address, arguments.port), 5) as end:
        if arguments.connect_first:
            print("connected", flush=True)
            sys.stdin.readline()
        end.sendall(f"GET {arguments.path} HTTP/1.1\r\nHost: {arguments.host}\r\n\r\n".encode())
        end.settimeout(SILENCE)
        while response.due is None or response.received < response.due:
            try:
                data = end.recv(1 << 20)
            except TimeoutError:
                if said != response.received:
                    said = response.received
                    print(f"silent {said}", flush=True)
                if time.monotonic() > deadline:
                    sys.exit("download.py: not within the time")
                continue
            if not data:
                sys.exit(f"download.py: ended by the peer after {response.received} bytes")
            response.take(data)
    print(f"done {response.received} {response.body.hexdigest()}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
