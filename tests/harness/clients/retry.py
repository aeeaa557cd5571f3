#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""retry.py OPTIONS ADDRESS PORT

Users of a service, who come whatever it does (an open loop): --rate operations begin each second,
and --extra more during the seconds from --from to --until. An operation is a request that is made
again until it is answered 200 or --deadline seconds have passed. Between two attempts it waits

  --delay SECONDS                    always as long: naive
  --delay SECONDS --jitter FACTOR    a random part of SECONDS times FACTOR to the power of the
                                     attempts so far (full jitter)

Connections are kept and used again. Prints a line for each whole second: `SECOND BEGUN ATTEMPTS
SUCCEEDED FAILED`; the last two at the time of the operation's end.
"""
import argparse
import asyncio
import collections
import random
import sys
import time

TIMEOUT = 2


class Service:
    """The connections to one server that nobody uses at the moment."""

    def __init__(self, address, port):
        self.where = address, port
        self.idle = []
        self.bytes = f"GET /fast HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()

    async def request(self):
        """The status of one request; 0 without an answer."""
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection(*self.where)
        try:
            writer.write(self.bytes)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
        except BaseException:
            writer.transport.abort()
            raise
        self.idle.append((reader, writer))
        return int(head.split()[1])

    async def attempt(self):
        try:
            return await asyncio.wait_for(self.request(), TIMEOUT)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            return 0


def pause(options, attempts):
    if not options.jitter:
        return options.delay
    return random.random() * options.delay * options.jitter ** (attempts - 1)


async def operate(options, service, counts, start):
    begun = time.monotonic()
    attempts = 0
    while True:
        counts[int(time.monotonic() - start), "attempts"] += 1
        attempts += 1
        status = await service.attempt()
        wait = pause(options, attempts)
        done = status == 200
        if done or time.monotonic() + wait - begun > options.deadline:
            break
        await asyncio.sleep(wait)
    counts[int(time.monotonic() - start), "succeeded" if done else "failed"] += 1


async def play(options):
    service = Service(options.address, options.port)
    counts, tasks = collections.Counter(), set()
    start = time.monotonic()
    due = start
    while due - start < options.seconds:
        await asyncio.sleep(max(due - time.monotonic(), 0))
        second = due - start
        counts[int(second), "begun"] += 1
        task = asyncio.create_task(operate(options, service, counts, start))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        extra = options.extra if options.since <= second < options.until else 0
        due += 1 / (options.rate + extra)
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for second in range(int(options.seconds)):
        print(second, *(counts[second, what]
                        for what in ("begun", "attempts", "succeeded", "failed")))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--extra", type=float, default=0)
    parser.add_argument("--from", dest="since", type=float, default=0)
    parser.add_argument("--until", type=float, default=0)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--deadline", type=float, default=6)
    parser.add_argument("--delay", type=float, required=True)
    parser.add_argument("--jitter", type=float, default=0)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    asyncio.run(play(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
