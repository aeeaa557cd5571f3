#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""steady.py URL THREADS RATE SECONDS TIMEOUT_S CAFILE

Asks for URL RATE times a second for SECONDS, each thread on a connection of its own that it opens
again after an error, and prints

  COUNT ERRORS LONGEST_MS STATUS=COUNT...

LONGEST_MS is the longest that any request took, failed ones included.
"""
import collections
import http.client
import ssl
import sys
import threading
import time
import urllib.parse


def work(url, rate, until, timeout, context, results):
    connection = None
    next_at = time.monotonic()
    while (now := time.monotonic()) < until:
        next_at = max(next_at + 1 / rate, now - 0.1)
        if now < next_at:
            time.sleep(next_at - now)
        begin = time.monotonic()
        try:
            if connection is None:
                connection = http.client.HTTPSConnection(url.hostname, timeout=timeout,
                                                         context=context)
            connection.request("GET", url.path)
            response = connection.getresponse()
            response.read()
            outcome = str(response.status)
        except (OSError, http.client.HTTPException):
            outcome = "error"
            connection.close()
            connection = None
        results.append((outcome, time.monotonic() - begin))


def main():
    url = urllib.parse.urlsplit(sys.argv[1])
    threads, rate, seconds, timeout = (float(word) for word in sys.argv[2:6])
    context = ssl.create_default_context(cafile=sys.argv[6])
    until = time.monotonic() + seconds
    results = []
    workers = [threading.Thread(target=work, args=(url, rate / threads, until, timeout, context,
                                                   results)) for _ in range(int(threads))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seen = collections.Counter(outcome for outcome, _ in results)
    longest = max(taken for _, taken in results)
    errors = seen.pop("error", 0)
    print(len(results), errors, round(longest * 1000),
          *(f"{status}={count}" for status, count in sorted(seen.items())))


main()
