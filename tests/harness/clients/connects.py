#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""connects.py [--from NS] [--every SECONDS] [--seconds SECONDS] [--count N] ADDRESS PORT

From CLOCK_BOOTTIME NS on (default: at once) it connects again and again, each time by a new socket, every --every seconds (default 0.001), for
--seconds or --count times. Prints a line for each attempt:

  BEFORE AFTER OUTCOME

the CLOCK_BOOTTIME in ns just before and after connect(), and `ok` or the errno. The first line is printed as soon as the first attempt is made.
"""
import argparse
import errno
import socket
import struct
import sys
import time

ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: no TIME_WAIT is left behind


def attempt(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as end:
        end.settimeout(1)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        # The socket waits by poll() when it has a time limit, so errno comes from connect() itself
        # when a rule refuses at once.
        try:
            end.connect(address)
            outcome = "ok"
        except OSError as error:
            outcome = errno.errorcode.get(error.errno, "silent")
        after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return f"{before} {after} {outcome}"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="begin", type=int, default=0)
    parser.add_argument("--every", type=float, default=0.001)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    family = socket.AF_INET6 if ":" in arguments.address else socket.AF_INET
    time.sleep(max(arguments.begin / 1e9 - time.clock_gettime(time.CLOCK_BOOTTIME), 0))
    start, made = time.monotonic(), 0
    while True:
        print(attempt(family, (arguments.address, arguments.port)), flush=not made)
        made += 1
        due = start + made * arguments.every
        if arguments.count and made >= arguments.count:
            break
        if arguments.seconds and due - start >= arguments.seconds:
            break
        time.sleep(max(due - time.monotonic(), 0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
