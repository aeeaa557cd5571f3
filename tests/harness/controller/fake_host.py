# SPDX-License-Identifier: Apache-2.0
"""A host under test without a kernel: the daemon's API on a unix socket, and a service on loopback
whose health is a function of what the daemon was told. It knows the truth that a report must find."""

import asyncio
import json
import time
from urllib.parse import parse_qsl, urlsplit

BUCKET_NS = 100_000_000
SETTLE_NS = 1_000_000_000


def now_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


async def read_request(reader):
    """Method, path and body of one HTTP/1.1 request; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    lines = head.decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ", 2)
    length = 0
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    body = await reader.readexactly(length) if length else b""
    return method, path, body


def render(status, body):
    return (
        b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % (status, len(body))
    ) + body


class FakeHost:
    """`behave(host, t)` says what the service does with a request that arrives at `t`: "ok", "503",
    "close", "hang", or ("ok", seconds) for a slow answer. `act` counts as a hit of the fault."""

    def __init__(self, socket_path, behave):
        self.socket_path = socket_path
        self.behave = behave
        self.run = None
        self.faults = []
        self.windows = {}  # fault: [starts, ends, hit]
        self.injected_at = None
        self.lifted_at = None
        self.lease_ns = 0
        self.lease_until = 0
        self.started = 0
        self.events = []
        self.wake = asyncio.Event()
        self.refusal = None  # (status, code, text) for POST /v1/runs
        self.lift_refusal = None  # likewise for a staged lift
        self.staged = []  # bodies of staged lifts
        self.renewals = 0
        self.calls = []
        self.requests = []  # (t, outcome)
        self.connections = 0
        self.frozen = False
        self.servers = []

    async def start(self):
        self.servers = [
            await asyncio.start_unix_server(self.serve_api, self.socket_path),
            await asyncio.start_server(self.serve_http, "127.0.0.1", 0),
        ]
        self.port = self.servers[1].sockets[0].getsockname()[1]

    def stop_api(self):
        """The daemon is gone: nobody listens, open connections break."""
        self.servers[0].close()
        for writer in list(getattr(self, "writers", [])):
            writer.transport.abort()

    def stop(self):
        for server in self.servers:
            server.close()

    # what the workflows talk to
    async def serve_http(self, reader, writer):
        self.connections += 1
        try:
            while await read_request(reader):
                t = now_ns()
                outcome = self.behave(self, t)
                pause = 0
                if isinstance(outcome, tuple):
                    outcome, pause = outcome
                self.requests.append((t, outcome))
                if outcome != "ok":
                    self.hit(t)
                if pause:
                    await asyncio.sleep(pause)
                if outcome == "hang":
                    await reader.read()
                    return
                if outcome == "close":
                    return
                writer.write(render(200 if outcome == "ok" else int(outcome), b"{}"))
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def hit(self, t):
        for fault, window in self.windows.items():
            if window[0] <= t < window[1] and not window[2]:
                window[2] = t
                self.emit(t, "first-hit", "", [fault])

    def touch(self, t):
        """For histories in which the fault acts on something that no workflow asks for."""
        self.hit(t)

    # the daemon
    def emit(self, at, event, cause, faults):
        self.events.append({"at_ns": at, "event": event, "cause": cause, "faults": faults})
        self.wake.set()
        self.wake = asyncio.Event()

    async def end_window(self, fault, ends, cause="planned"):
        await asyncio.sleep(max(0, (ends - now_ns()) / 1e9))
        window = self.windows.get(fault)
        if window and window[1] == ends:
            self.lifted_at = ends
            self.emit(ends, "lifted", cause, [fault])

    async def watch_lease(self):
        while self.run:
            await asyncio.sleep(0.01)
            if now_ns() >= self.lease_until and not self.frozen:
                self.lift([], "lease", self.lease_until)

    def lift(self, faults, cause="lifted", t=None):
        t = t or now_ns()
        for fault in faults or self.faults:
            window = self.windows.get(fault)
            if window and window[1] > t:
                window[1] = t
                self.lifted_at = t
                self.emit(t, "lifted", cause, [fault])
        return t

    def fall(self, faults, t, wanted):
        """A staged lift: the window ends later, or earlier, than was planned."""
        ends = t
        for fault in faults:
            window = self.windows.get(fault)
            if window and window[1] > t:
                ends = window[1] = t + wanted["over_ns"]
                asyncio.ensure_future(self.end_window(fault, ends, "lifted"))
        return ends

    def ended(self, t):
        """When the last window ended, None before; by the clock, not by when a timer was served."""
        ends = [window[1] for window in self.windows.values() if window[1] <= t]
        return max(ends) if ends and not self.injected(t) else None

    def injected(self, t):
        return any(window[0] <= t < window[1] for window in self.windows.values())

    def answer(self, method, path, body):
        self.calls.append((now_ns(), method, path))
        t = now_ns()
        if method == "POST" and path == "/v1/runs":
            if self.refusal:
                status, code, text = self.refusal
                return status, {"error": text, "code": code}
            plan = json.loads(body)
            # What was of an earlier run is gone with it.
            self.events, self.windows, self.requests = [], {}, []
            self.injected_at = self.lifted_at = None
            self.faults = [rule["fault"] for rule in plan["rules"]]
            self.lease_ns = plan["lease_ns"]
            self.lease_until = t + self.lease_ns
            self.started = t
            self.run = "r1"
            self.emit(t, "armed", "", [])
            asyncio.ensure_future(self.watch_lease())
            return 201, {
                "run": self.run, "now_ns": t, "started_ns": t, "resolved": [],
                "deadline_ns": t + plan["duration_ns"], "lease_until_ns": self.lease_until,
                "bucket_ns": BUCKET_NS, "rules": len(plan["rules"]),
            }
        if method == "GET" and path == "/v1/status":
            return 200, {"version": "fake", "now_ns": t, "boot_id": "", "armed": bool(self.run),
                         "halted": False, "run": self.run or "", "title": "", "uid": 0,
                         "lease_until_ns": self.lease_until, "deadline_ns": 0,
                         "started_ns": self.started, "attached": 0, "rules": []}
        if method == "POST" and path in ("/v1/halt", "/v1/release"):
            self.lift([], "halted")
            if path.endswith("halt") and self.run:
                self.emit(t, "halted", "halted", [])
                self.run = None
            return 200, {}
        if not self.run:
            return 404, {"error": "no such run", "code": "not-found"}
        return self.answer_run(method, path.removeprefix("/v1/runs/" + self.run), body, t)

    def answer_run(self, method, rest, body, t):
        if rest == "/inject":
            wanted = json.loads(body)
            ends = t + wanted["for_ns"]
            for fault in wanted["faults"]:
                self.windows[fault] = [t, ends, 0]
                asyncio.ensure_future(self.end_window(fault, ends))
            self.injected_at = t
            self.emit(t, "injected", "", wanted["faults"])
            return 200, {"starts_at_ns": t, "ends_at_ns": ends, "existing_found": 0,
                         "existing_reset": 0}
        if rest == "/lift":
            wanted = json.loads(body or b"{}")
            faults = wanted.get("faults", [])
            for fault in faults:
                if fault not in self.faults:
                    return 404, {"error": "no such fault: " + fault, "code": "not-found"}
            if "over_ns" in wanted:
                if self.lift_refusal:
                    status, code, text = self.lift_refusal
                    return status, {"error": text, "code": code}
                self.staged.append(wanted)
                return 200, {"starts_at_ns": t, "ends_at_ns": self.fall(faults, t, wanted)}
            t = self.lift(faults)
            return 200, {"starts_at_ns": t, "ends_at_ns": t}
        if rest == "/renew":
            self.renewals += 1
            self.lease_until = t + self.lease_ns
            return 200, {"now_ns": t, "lease_until_ns": self.lease_until}
        if rest == "/counters":
            rules = [{"index": i, "fault": fault, "effect": "refuse",
                      "first_hit_at_ns": self.windows.get(fault, [0, 0, 0])[2]}
                     for i, fault in enumerate(self.faults)]
            return 200, {"now_ns": t, "rules": rules}
        if rest.startswith("/series"):
            query = dict(parse_qsl(urlsplit(rest).query))
            settle = SETTLE_NS if "settled" in query else 0
            first, until = int(query.get("from", 0)), (t - self.started - settle) // BUCKET_NS
            until = max(first, until)
            return 200, {"bucket_ns": BUCKET_NS, "started_ns": self.started, "from": first,
                         "to": until, "buckets": self.series(first, until)}
        if method == "DELETE" and rest == "":
            self.lift([], "disarmed")
            self.run = None
            self.emit(t, "disarmed", "disarmed", [])
            return 200, {"now_ns": t}
        return 404, {"error": "no such path", "code": "not-found"}

    def series(self, first, until):
        """Every request is a connection that rule 0 matched; what is not well is a hit."""
        buckets = {}
        for t, outcome in self.requests:
            number = (t - self.started) // BUCKET_NS
            if first <= number < until:
                bucket = buckets.setdefault(number, [0, 0])
                bucket[outcome == "ok"] += 1
        return [[0, number, hits + passes, 0, hits, passes, 0, 0]
                for number, (hits, passes) in sorted(buckets.items())]

    async def stream(self, writer):
        writer.write(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n")
        sent = 0
        while True:
            while sent < len(self.events):
                writer.write(json.dumps(self.events[sent]).encode() + b"\n")
                sent += 1
            await writer.drain()
            if not self.run:
                return
            try:
                await asyncio.wait_for(self.wake.wait(), 1)
            except asyncio.TimeoutError:
                writer.write(b"\n")

    async def serve_api(self, reader, writer):
        self.writers = getattr(self, "writers", set())
        self.writers.add(writer)
        try:
            while request := await read_request(reader):
                method, path, body = request
                while self.frozen:
                    await asyncio.sleep(0.01)
                if path.startswith("/v1/events"):
                    await self.stream(writer)
                    return
                status, reply = self.answer(method, path, body)
                writer.write(render(status, json.dumps(reply).encode()))
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self.writers.discard(writer)
            writer.close()
