#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""datagrams.py send|receive ADDRESS PORT [COUNT]

send: sends COUNT datagrams to ADDRESS. receive: takes what comes at ADDRESS, prints `ready` when it
listens, and how many came when none has for two seconds after the first.
"""
import socket
import sys

SO_RCVBUFFORCE = 33  # Linux, asm-generic/socket.h


def send(where, count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        for number in range(count):
            end.sendto(number.to_bytes(8, "big"), where)


def receive(where):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        end.bind(where)
        print("ready", flush=True)
        end.settimeout(60)
        count = 0
        try:
            while end.recv(64):
                count += 1
                end.settimeout(2)
        except TimeoutError:
            print(count)


def main():
    if len(sys.argv) < 4 or sys.argv[1] not in ("send", "receive"):
        sys.exit(__doc__.strip())
    where = sys.argv[2], int(sys.argv[3])
    if sys.argv[1] == "send":
        send(where, int(sys.argv[4]))
    else:
        receive(where)
    return 0


if __name__ == "__main__":
    sys.exit(main())
