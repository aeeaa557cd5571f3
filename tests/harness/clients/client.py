#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""client.py LIST: plays LIST with http.client (see README.md)."""
import http.client
import os
import ssl
import sys
import urllib.parse

TIMEOUT_SECONDS = 20


def read_list(path):
    with open(path, encoding="ascii") as file:
        for number, line in enumerate(file, 1):
            fields = line.split()
            if len(fields) != 3 or not fields[2].isdigit():
                sys.exit(f"client.py: {path}: line {number}: not METHOD URL BODYSIZE")
            yield fields[0], urllib.parse.urlsplit(fields[1]), int(fields[2])


def connect(url):
    if url.scheme == "https":
        context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
        return http.client.HTTPSConnection(url.netloc, timeout=TIMEOUT_SECONDS, context=context)
    return http.client.HTTPConnection(url.netloc, timeout=TIMEOUT_SECONDS)


def play(connection, method, url, size):
    path = (url.path or "/") + ("?" + url.query if url.query else "")
    connection.request(method, path, body=bytes(size) if size else None)
    response = connection.getresponse()
    length = len(response.read())
    return f"{response.status} {response.getheader('X-Served-By', '-')} {length}"


def main(arguments):
    if len(arguments) != 1:
        print("usage: client.py LIST", file=sys.stderr)
        return 2
    connections = {}
    for method, url, size in read_list(arguments[0]):
        place = (url.scheme, url.netloc)
        connection = connections.setdefault(place, connect(url))
        try:
            print(play(connection, method, url, size), flush=True)
        except (OSError, http.client.HTTPException) as error:
            print(f"error {type(error).__name__} 0", flush=True)
            connections.pop(place).close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
