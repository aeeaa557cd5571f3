#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""attempt.py [--count N] [--timeout SECONDS] KIND ADDRESS PORT

Makes N attempts (default 1), each on a socket of its own, one after the other. KIND:

  tcp            connects
  udp            sends a datagram by sendto() and waits for its echo
  udp-connected  connects, sends a datagram and waits for its echo

ADDRESS is numeric; ::ffff:a.b.c.d makes an IPv6 socket that speaks IPv4. Prints a line for each
outcome, sorted: `COUNT OUTCOME`. OUTCOME is `ok`, `silent` (nothing within the time), or the call
that failed and its errno: `connect ECONNREFUSED`.
"""
import argparse
import collections
import errno
import ipaddress
import socket
import struct
import sys

ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: no TIME_WAIT is left behind


class Failed(Exception):
    """A call that failed."""


def call(name, function, *arguments):
    try:
        return function(*arguments)
    except TimeoutError:
        raise
    except OSError as error:
        raise Failed(f"{name} {errno.errorcode.get(error.errno, error.errno)}") from error


def attempt(kind, address, timeout, number):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as end:
        end.settimeout(timeout)
        if kind == "tcp":
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        if kind != "udp":
            call("connect", end.connect, address)
        if kind == "tcp":
            return
        data = struct.pack("!Q", number)
        if kind == "udp":
            call("sendto", end.sendto, data, address)
        else:
            call("send", end.send, data)
        if call("recv", end.recv, 100) != data:
            raise Failed("recv another datagram")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=2)
    parser.add_argument("kind", choices=["tcp", "udp", "udp-connected"])
    parser.add_argument("address", type=ipaddress.ip_address)
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    outcomes = collections.Counter()
    for number in range(arguments.count):
        try:
            attempt(arguments.kind, (str(arguments.address), arguments.port), arguments.timeout,
                    number)
            outcomes["ok"] += 1
        except TimeoutError:
            outcomes["silent"] += 1
        except Failed as failed:
            outcomes[str(failed)] += 1
    for outcome, count in sorted(outcomes.items()):
        print(count, outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
