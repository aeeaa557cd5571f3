#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mixed.py rows | addresses | play | serve CERTIFICATE KEY

The parts of test-mixed-rules, all of one table (table.py).

  rows       prints `FAULT|WITHOUT|UNDER|RULE` for each: outcomes, and the rule as JSON
  addresses  prints the addresses that the services need, as commands of `ip -batch`
  serve      is the services: HTTP, TLS and UDP on all ports of the table
  play       reads lines of names of faults and runs their clients, all of a line at once; prints
             `NAME OUTCOME` for each that ends, and `waits` for one that waits for the lift. The
             client of `NAME/silent` does not wait long
"""
import asyncio
import json
import ssl
import sys
import threading

import clients
import table


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, sender):
        self.transport.sendto(data, sender)


async def respond(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = head.lower().partition("content-length:")[2].split("\r\n")[0]
            await reader.readexactly(int(length or 0))
            path = head.split()[1]
            body = clients.body_of(path) if path.startswith("/big/") else b"ok"
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
    except (OSError, EOFError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def serve(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    for port in (table.HTTP, table.FREE):
        await asyncio.start_server(respond, None, port)
    for number in range(len(table.rows())):
        await asyncio.start_server(respond, None, table.ROW + number)
        for end in ((table.SHARED, table.ROW + number), (table.v6(number), table.UDP)):
            await loop.create_datagram_endpoint(Echo, end)
    await asyncio.start_server(respond, None, table.TLS, ssl=context)
    print("ready", flush=True)
    await asyncio.Event().wait()


def say(row, silent):
    kind, *arguments = row["client"]
    clients.thread.seconds = clients.SILENCE if silent else clients.PATIENCE
    try:
        outcome = getattr(clients, kind)(*arguments)
    except OSError as error:
        outcome = f"broken: {clients.name_of(error)}"
    sys.stdout.write(f"{row['fault']} {outcome}\n")  # whole, beside other threads
    sys.stdout.flush()


def play():
    by_name = {row["fault"]: row for row in table.rows()}
    print("ready", flush=True)
    for line in sys.stdin:
        threads = [threading.Thread(target=say, args=(by_name[name], bool(silent)))
                   for name, silent, _ in (word.partition("/") for word in line.split())]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def main(arguments):
    if arguments == ["rows"]:
        for row in table.rows():
            print(row["fault"], row["without"], row["under"], json.dumps(row["rule"]), sep="|")
    elif arguments == ["addresses"]:
        print(f"address add {table.OWN}/24 dev svc0")
        for number in range(len(table.rows())):
            print(f"address add {table.v4(number)}/24 dev svc0")
            print(f"address add {table.v6(number)}/64 dev svc0 nodad")
    elif arguments == ["play"]:
        play()
    elif len(arguments) == 3 and arguments[0] == "serve":
        asyncio.run(serve(*arguments[1:]))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
