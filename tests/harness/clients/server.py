#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""server.py ADDRESS PORT: an HTTP/1.1 server that keeps connections and answers every GET with 200.

For connections that are opened towards the host under test."""
import http.server
import socket
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    if ":" in arguments[0]:
        Server.address_family = socket.AF_INET6
    with Server((arguments[0], int(arguments[1])), Handler) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
