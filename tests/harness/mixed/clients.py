# SPDX-License-Identifier: Apache-2.0
"""The clients of test-mixed-rules. Each does one thing and returns what it saw in words."""
import collections
import errno
import hashlib
import select
import socket
import ssl
import struct
import sys
import threading
import time

import table

SILENCE = 0.4  # seconds after which nothing is silence, where silence is due
STALLED = 1  # seconds after which a download has stalled
PATIENCE = 15  # seconds for what is awaited
DNS = ("10.77.0.53", 53)


thread = threading.local()  # .seconds: how long this client waits


def body_of(path):
    """What the services send for /big/..., and whoever asks can tell whether it is that."""
    seed = hashlib.sha256(path.encode()).digest()
    return (seed * (table.BIG // len(seed) + 1))[:table.BIG]


def name_of(error):
    return errno.errorcode.get(error.errno, str(error))


def connected(address, port, kind=socket.SOCK_STREAM):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    end = socket.socket(family, kind)
    end.settimeout(thread.seconds)
    end.connect((address, port))
    return end


class Connection:
    """A kept connection; requests on it end in a status or in an OSError."""

    def __init__(self, address, port, host):
        self.end = connected(address, port)
        self.host = host
        self.sent = False
        self.rest = b""

    def ask(self, path, method="GET"):
        body = "x" * 10 if method == "PUT" else ""
        self.sent = False
        self.end.sendall(f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\n"
                         f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        self.sent = True
        head, separator = self.rest, b""
        while not separator:
            data = self.end.recv(65536)
            if not data:
                raise ConnectionError("ended")
            head, separator, data = (head + data).partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(data) < length:
            data += self.end.recv(65536)
        self.rest = data[length:]
        return head.split()[1].decode()


def requests(address, port, host, path, count):
    """Requests on one connection."""
    try:
        connection = Connection(address, port, host)
    except OSError as error:
        return f"connect {'silent' if isinstance(error, TimeoutError) else name_of(error)}"
    seen = []
    for _ in range(count):
        try:
            seen.append(connection.ask(path))
        except TimeoutError:
            seen.append("silent")
        except OSError as error:
            seen.append(name_of(error) if connection.sent else f"send {name_of(error)}")
    connection.end.close()
    return " ".join(seen)


def request(address, port, host, path):
    return requests(address, port, host, path, 1)


def request_shared(address, port, host, path):
    """A request to an address that is known to have another name too."""
    query("another.mixed.example")
    return request(address, port, host, path)


def opened(address, port, host):
    """A request on a new connection, of which it does not matter at which call it ends."""
    return request(address, port, host, "/").removeprefix("connect ").removeprefix("send ")


def put(address, port, host, path):
    """A GET and a PUT of the same path."""
    connection = Connection(address, port, host)
    return f"GET {connection.ask(path)} PUT {connection.ask(path, 'PUT')}"


def connects(address, port, count):
    """Connections of their own, one after the other."""
    seen = collections.OrderedDict()
    for _ in range(count):
        try:
            connected(address, port).close()
            outcome = "ok"
        except OSError as error:
            outcome = name_of(error)
        seen[outcome] = seen.get(outcome, 0) + 1
    return ", ".join(f"{number} {what}" for what, number in seen.items())


def echo(address, port):
    try:
        with connected(address, port, socket.SOCK_DGRAM) as end:
            end.send(b"mixed")
            return "echo" if end.recv(100) == b"mixed" else "another datagram"
    except TimeoutError:
        return "silent"
    except OSError as error:
        return f"connect {name_of(error)}"


def hello(address, port, host):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with connected(address, port) as end:
            with context.wrap_socket(end, server_hostname=host):
                return "ok"
    except TimeoutError:
        return "silent"
    except ssl.SSLError as error:
        return error.reason
    except OSError as error:
        return name_of(error)


def query(name):
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    message = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question + b"\0\0\1\0\1"
    with connected(*DNS, socket.SOCK_DGRAM) as end:
        end.send(message)
        try:
            return f"rcode {end.recv(4096)[3] & 15}"
        except TimeoutError:
            return "silent"


class Download:
    """A response with a long body."""

    def __init__(self, address, port, path, host):
        self.path = path
        self.end = connected(address, port)
        self.end.settimeout(PATIENCE)
        self.end.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        self.received = b""
        self.due = None

    def take(self, seconds):
        """Whether anything came in that time."""
        if not select.select([self.end], [], [], seconds)[0]:
            return False
        data = self.end.recv(65536)
        if not data:
            raise ConnectionError("ended")
        self.received += data
        head, separator, _ = self.received.partition(b"\r\n\r\n")
        if self.due is None and separator:
            self.due = len(head) + 4 + table.BIG
        return True

    def is_done(self):
        return self.due is not None and len(self.received) >= self.due

    def verdict(self):
        body = self.received.partition(b"\r\n\r\n")[2]
        same = hashlib.sha256(body).digest() == hashlib.sha256(body_of(self.path)).digest()
        return "whole" if same else "other bytes"


def download(address, port, path, host=table.host(0)):
    got = Download(address, port, path, host)
    try:
        while not got.is_done():
            if not got.take(PATIENCE):
                return "silent"
    except OSError as error:
        body = got.received.partition(b"\r\n\r\n")[2]
        same = "" if body_of(path).startswith(body) else " other bytes"
        return f"{name_of(error)} after {len(got.received)}{same}"
    return got.verdict()


def stall(address, port, path, after):
    """Falls silent where it should, and says what comes of it when the fault is lifted."""
    got = Download(address, port, path, table.host(0))
    while not got.is_done():
        if not got.take(STALLED):
            break
    else:
        return got.verdict()
    late = len(got.received) - after
    place = "stalled" if 0 <= late <= table.SEGMENT else f"stalled {late} bytes behind the limit"
    sys.stdout.write("waits\n")
    sys.stdout.flush()
    while not got.is_done():
        if not got.take(PATIENCE):
            return f"{place}, silent for good"
    return f"{place}, {got.verdict()}"


def rate(address, port, path, rate_due, host=table.host(0)):
    """The first quarter may come with what a connection begins with; a busy machine makes it no
    faster, and slower only by some."""
    began = time.monotonic()
    got = Download(address, port, path, host)
    while not got.is_done():
        if not got.take(PATIENCE):
            return "silent"
    part = table.BIG / (time.monotonic() - began) / rate_due
    speed = "at the rate" if 0.7 <= part <= 1.1 else "fast" if part > 3 else f"{part:.2f} of it"
    return f"{speed}, {got.verdict()}"
