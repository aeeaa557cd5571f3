#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sink.py PORT CERTIFICATE KEY [ADDRESS]: an HTTPS server on 127.0.0.1 that answers every POST and PUT
with the SHA-256 of its body in hexadecimal digits, and says `sink` in X-Served-By. A path that begins
with /slow/N/ is read at N MB a second; one with /early is answered 413 before the body is read."""
import hashlib
import http.server
import ssl
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pieces(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            left = int(self.headers.get("Content-Length", 0))
            while left > 0:
                piece = self.rfile.read(min(left, 65536))
                if not piece:
                    raise ConnectionError("the body ended early")
                left -= len(piece)
                yield piece
            return
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("X-Served-By", "sink")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        digest, taken, began = hashlib.sha256(), 0, time.monotonic()
        rate = float(self.path.split("/")[2]) * 1e6 if self.path.startswith("/slow/") else 0
        if self.path.startswith("/early"):
            self.answer(413, b"too large")
        for piece in self.pieces():
            digest.update(piece)
            taken += len(piece)
            if rate:
                time.sleep(max(0, began + taken / rate - time.monotonic()))
        if not self.path.startswith("/early"):
            self.answer(200, digest.hexdigest().encode())

    do_PUT = do_POST

    def log_message(self, *_):
        pass


def main(arguments):
    if len(arguments) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments[1], arguments[2])
    where = (arguments[3] if len(arguments) > 3 else "127.0.0.1", int(arguments[0]))
    with http.server.ThreadingHTTPServer(where, Handler) as server:
        # The handshake is its thread's: a connection that stays silent keeps nobody waiting.
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
