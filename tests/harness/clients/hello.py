#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hello.py NAME PORT PIECE [PROTOCOLS [PATH]]: asks for PATH (/) over TLS on 127.0.0.1 and prints
the TLS version, the bytes of the ClientHello and the status.

What is sent goes out in writes of PIECE bytes. PROTOCOLS (0) names of ALPN of 200 bytes each that
nobody speaks make the ClientHello larger. The CA is that of SSL_CERT_FILE."""
import os
import socket
import ssl
import sys


def exchange(connection, incoming, outgoing, piece):
    """Sends what TLS has to send, in pieces; reads once when it has nothing."""
    data = outgoing.read()
    for at in range(0, len(data), piece):
        connection.sendall(data[at:at + piece])
    if not data:
        received = connection.recv(65536)
        if received:
            incoming.write(received)
        else:
            incoming.write_eof()
    return len(data)


def until_done(function, *steps):
    sent = []
    while True:
        try:
            return function(), sent
        except ssl.SSLWantReadError:
            sent.append(exchange(*steps))


def main(arguments):
    if len(arguments) not in (3, 4, 5):
        print(__doc__, file=sys.stderr)
        return 2
    name, port, piece = arguments[0], int(arguments[1]), int(arguments[2])
    fillers = int(arguments[3]) if len(arguments) > 3 else 0
    path = arguments[4] if len(arguments) > 4 else "/"
    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
    context.set_alpn_protocols([f"{i:0200d}" for i in range(fillers)] + ["http/1.1"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        steps = (connection, incoming, outgoing, piece)
        _, sent = until_done(tls.do_handshake, *steps)
        tls.write(f"GET {path} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        answer, _ = until_done(lambda: tls.read(4096), *steps)
    print(tls.version(), sent[0], answer.split(b" ")[1].decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
