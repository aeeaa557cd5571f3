#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""probe.py [--signal NAME --pid PID... [--after SECONDS]] KIND ADDRESS PORT

Tries again every 2 ms and tells, in CLOCK_BOOTTIME, when it failed and when that ended. KIND:

  connect  opens a TCP connection
  answer   makes a request on one kept HTTP connection; one that the kernel answered has failed
  udp      sends a datagram; one whose echo does not come back has failed. Nothing is sent again,
           so that no retransmission timer is mistaken for the fault

With --signal, sends the signal to every PID, in order, SECONDS (default 0.2) after the first
failure. It ends when nothing has failed for 0.3 s after a failure and after the signal, or with
exit code 1 after 15 s. Prints `ready` before its first attempt, then JSON: instants in nanoseconds, 0 where there was none. An attempt
counts at its end, a datagram when it is sent. `broken` counts attempts that ended neither way.
"""
import argparse
import json
import os
import signal
import socket
import struct
import sys
import time

PERIOD_NS = 2_000_000
QUIET_NS = 300_000_000
LIMIT_NS = 15_000_000_000
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: no TIME_WAIT is left behind
REQUEST = b"GET /fast HTTP/1.1\r\nHost: registry.example\r\n\r\n"


def now_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Connect:
    """Yields (instant, whether it went well) of attempts."""

    def __init__(self, address):
        self.address = address
        self.broken = 0

    def attempt(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as end:
            end.settimeout(2)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            try:
                end.connect(self.address)
            except ConnectionRefusedError:
                return [(now_ns(), False)]
            except OSError:
                self.broken += 1
                return []
            return [(now_ns(), True)]

    def rest(self):
        return []


class Answer(Connect):
    """Requests on one connection."""

    def __init__(self, address):
        super().__init__(address)
        self.socket = socket.create_connection(address, 2)

    def attempt(self):
        data = b""
        try:
            self.socket.sendall(REQUEST)
            while not data.endswith(b"\n") or b"\r\n\r\n" not in data:
                more = self.socket.recv(4096)
                if not more:
                    raise ConnectionError
                data += more
        except OSError:
            self.broken += 1
            self.socket = socket.create_connection(self.address, 2)
            return []
        if data.startswith(b"HTTP/1.1 200 ") and data.endswith(b"registry.example\n"):
            return [(now_ns(), True)]
        if data.startswith(b"HTTP/1.1 409 ") and b"X-Served-By: kernel\r\n" in data:
            return [(now_ns(), False)]
        self.broken += 1
        return []


class Udp(Connect):
    """Datagrams, numbered. One is lost when a later one came back, or at the end."""

    def __init__(self, address):
        super().__init__(address)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(address)
        self.socket.setblocking(False)
        self.sent = {}
        self.number = 0

    def take(self):
        outcomes = []
        while True:
            try:
                number, = struct.unpack("!Q", self.socket.recv(100))
            except BlockingIOError:
                return outcomes
            for earlier in [each for each in self.sent if each < number]:
                outcomes.append((self.sent.pop(earlier), False))
            outcomes.append((self.sent.pop(number), True))

    def attempt(self):
        outcomes = self.take()
        self.number += 1
        self.sent[self.number] = now_ns()
        try:
            self.socket.send(struct.pack("!Q", self.number))
        except OSError:
            self.broken += 1
            del self.sent[self.number]
        # Older than any echo in this testbed takes: what waits that long has failed.
        late = [each for each, at in self.sent.items() if at < now_ns() - 50_000_000]
        return outcomes + [(self.sent.pop(each), False) for each in late]

    def rest(self):
        time.sleep(0.05)
        return self.take()


class Record:
    """What is printed in the end."""

    def __init__(self):
        self.first_failure = self.last_failure = self.first_success = 0
        self.successes = self.failures = 0

    def take(self, at, good):
        if good:
            self.successes += 1
            if self.last_failure and not self.first_success:
                self.first_success = at
            return
        self.failures += 1
        self.first_failure = self.first_failure or at
        self.last_failure = at
        self.first_success = 0

    def is_over(self, signalled):
        """Whether the last success came long enough after the last failure."""
        return self.first_success and signalled and now_ns() - self.first_success > QUIET_NS


KINDS = {"connect": Connect, "answer": Answer, "udp": Udp}


def run(probe, record, arguments):
    print("ready", flush=True)
    start = due = now_ns()
    signalled = 0 if arguments.signal else start
    after = int(arguments.after * 1e9)
    while not record.is_over(signalled) and now_ns() - start < LIMIT_NS:
        for at, good in probe.attempt():
            record.take(at, good)
        if not signalled and record.first_failure and now_ns() - record.first_failure > after:
            signalled = now_ns()
            for pid in arguments.pid:
                os.kill(pid, signal.Signals[f"SIG{arguments.signal}"])
        due += PERIOD_NS
        time.sleep(max(due - now_ns(), 0) / 1e9)
    over = record.is_over(signalled)
    for at, good in probe.rest():
        record.take(at, good)
    print(json.dumps({
        "start_ns": start, "signalled_ns": signalled if arguments.signal else 0,
        "first_failure_ns": record.first_failure, "last_failure_ns": record.last_failure,
        "first_success_ns": record.first_success, "successes": record.successes,
        "failures": record.failures, "broken": probe.broken}))
    return 0 if over else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signal", choices=["KILL", "STOP"])
    parser.add_argument("--pid", type=int, action="append", default=[])
    parser.add_argument("--after", type=float, default=0.2)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    return run(KINDS[arguments.kind]((arguments.address, arguments.port)), Record(), arguments)


if __name__ == "__main__":
    sys.exit(main())
