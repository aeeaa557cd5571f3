# SPDX-License-Identifier: Apache-2.0
"""The table of test-mixed-rules: 64 rules, the client of each, and what that client sees.

A row has the effect of its rule, how the rule matches, its client (a function of clients.py and its
arguments) and two outcomes: `without` any fault and `under` this one. No two rows are about the same
traffic, though they share ports, addresses, names and connections' first messages.
"""

HTTP, TLS, UDP = 7000, 7001, 7002  # ports that rows share
FREE = 7003  # of one that matches by name alone
ROW = 7100  # a row has its own port from here on where it needs one
SHARED = "10.77.0.10"  # of every name but one
OWN = "10.77.0.13"  # of own.mixed.example alone
BIG = 400000  # bytes of the body of /big/...
SEGMENT = 65536  # the longest receive segment

OK = "ok"
WHOLE = "whole"

# Names and values of alerts (RFC 8446, 6.2) as OpenSSL tells of them.
ALERTS = {
    40: "SSLV3_ALERT_HANDSHAKE_FAILURE",
    42: "SSLV3_ALERT_BAD_CERTIFICATE",
    48: "TLSV1_ALERT_UNKNOWN_CA",
    70: "TLSV1_ALERT_PROTOCOL_VERSION",
    80: "TLSV1_ALERT_INTERNAL_ERROR",
    112: "TLSV1_UNRECOGNIZED_NAME",
}


def v4(number):
    """An address of its own, which the services have too."""
    return f"10.77.0.{100 + number}"


def v6(number):
    return f"fd77::1:{number}"


def host(number):
    return f"n{number}.mixed.example"


def match(protocol="tcp", **dimensions):
    """The match of a rule: port, prefix, name, path, method."""
    lists = {"port": "ports", "prefix": "prefixes", "name": "names", "path": "paths",
             "method": "methods"}
    found = {lists[key]: [str(value)] for key, value in dimensions.items()}
    return found | {"protocols": [protocol], "http": "path" in dimensions}


def answer(status):
    return {"effect": "answer", "answer": {"status": status, "headers": "X-Served-By: kernel\r\n",
                                           "body_base64": "bm8="}}


def overload(reject, burst):
    """So slow that none is admitted behind the burst."""
    rule = {"effect": "overload", "capacity": 1, "burst": burst, "reject_cost_millionths": 0,
            "reject": reject}
    if reject == "answer":
        rule["answer"] = {"status": 429, "headers": "", "body_base64": ""}
    return rule


class Table:
    """Rows, each with a number of its own."""

    def __init__(self):
        self.rows = []

    def add(self, effect, matched, client, without, under):
        """`matched` and `client` are functions of the row's number."""
        number = len(self.rows)
        rule = dict(effect) if isinstance(effect, dict) else {"effect": effect}
        kind, *arguments = client(number)
        name = f"r{number:02}-{rule['effect']}"
        self.rows.append({
            "fault": name, "rule": rule | {"fault": name, "match": matched(number)},
            "client": [kind, *arguments], "without": without, "under": under})


def by_address(table):
    """Rules that the connect decides: by port, by address, of both families and protocols."""
    for effect, seen in (("refuse", "connect ECONNREFUSED"),
                         ("unreachable", "connect EHOSTUNREACH"),
                         ("drop", "connect silent"),
                         ({"effect": "loss", "loss_ppm": 1000000}, "connect silent"),
                         ({"effect": "reset", "at": "connect"}, "connect ECONNREFUSED")):
        table.add(effect, lambda n: match(port=ROW + n),
                  lambda n: ("request", SHARED, ROW + n, host(0), "/"), "200", seen)
        table.add(effect, lambda n: match(prefix=v4(n) + "/32"),
                  lambda n: ("request", v4(n), HTTP, host(0), "/"), "200", seen)
        table.add(effect, lambda n: match(prefix=v6(n) + "/128"),
                  lambda n: ("request", v6(n), HTTP, host(0), "/"), "200", seen)
    for effect, seen in (("refuse", "connect ECONNREFUSED"),
                         ("unreachable", "connect EHOSTUNREACH"), ("drop", "silent"),
                         ({"effect": "loss", "loss_ppm": 1000000}, "silent")):
        table.add(effect, lambda n: match("udp", port=ROW + n),
                  lambda n: ("echo", SHARED, ROW + n), "echo", seen)
    table.add("hang", lambda n: match(port=ROW + n),
              lambda n: ("request", SHARED, ROW + n, host(0), "/"), "200", "silent")
    table.add("drop", lambda n: match("udp", prefix=v6(n) + "/128"),
              lambda n: ("echo", v6(n), UDP), "echo", "silent")
    table.add({"effect": "reset", "at": "request"}, lambda n: match(port=ROW + n),
              lambda n: ("request", SHARED, ROW + n, host(0), "/"), "200", "ECONNRESET")
    table.add({"effect": "reset", "at": "live"}, lambda n: match(prefix=v6(n) + "/128"),
              lambda n: ("opened", v6(n), HTTP, host(0)), "200", "ECONNRESET")
    table.add("refuse", lambda n: match(port=ROW + n, name="own.mixed.example"),
              lambda n: ("request", OWN, ROW + n, "own.mixed.example", "/"), "200",
              "connect ECONNREFUSED")


def by_request(table):
    """Rules that a request decides: by path, by Host, by method, on ports that they share."""
    for status in (401, 404, 409, 429, 503):
        table.add(answer(status), lambda n: match(port=HTTP, path=f"/row{n}/"),
                  lambda n: ("requests", SHARED, HTTP, host(0), f"/row{n}/", 3), "200 200 200",
                  f"{status} {status} {status}")
    for status in (403, 500):
        table.add(answer(status), lambda n: match(name=host(n)),
                  lambda n: ("requests", SHARED, FREE, host(n), "/", 3), "200 200 200",
                  f"{status} {status} {status}")
    table.add(answer(405), lambda n: match(port=HTTP, path="/put", method="PUT"),
              lambda n: ("put", SHARED, HTTP, host(0), "/put"), "GET 200 PUT 200",
              "GET 200 PUT 405")
    table.add(answer(502), lambda n: match(prefix=v4(n) + "/32", path="/v1"),
              lambda n: ("requests", v4(n), HTTP, host(0), "/v1/x", 2), "200 200", "502 502")
    table.add("hang", lambda n: match(port=HTTP, path=f"/row{n}/"),
              lambda n: ("request", SHARED, HTTP, host(0), f"/row{n}/"), "200", "silent")
    table.add(overload("answer", 2), lambda n: match(port=HTTP, path=f"/row{n}/"),
              lambda n: ("requests", SHARED, HTTP, host(0), f"/row{n}/", 5),
              "200 200 200 200 200", "200 200 429 429 429")
    table.add(overload("hang", 1), lambda n: match(name=host(n)),
              lambda n: ("requests", SHARED, FREE, host(n), "/", 2), "200 200", "200 silent")
    table.add(overload("refuse", 3), lambda n: match(port=ROW + n),
              lambda n: ("connects", SHARED, ROW + n, 5), "5 ok", "3 ok, 2 ECONNREFUSED")
    for effect, seen in (("refuse", "send EACCES"), ("unreachable", "send EACCES"),
                         ("drop", "silent"), ({"effect": "reset", "at": "connect"}, "ECONNRESET")):
        table.add(effect, lambda n: match(name=host(n), port=HTTP),
                  lambda n: ("request_shared", SHARED, HTTP, host(n), "/"), "200", seen)


def by_hello(table):
    """Rules that a ClientHello decides, all on the same ports."""
    for value, seen in ALERTS.items():
        table.add({"effect": "alert", "alert": value}, lambda n: match(port=TLS, name=host(n)),
                  lambda n: ("hello", SHARED, TLS, host(n)), OK, seen)
    table.add("hang", lambda n: match(port=TLS, name=host(n)),
              lambda n: ("hello", SHARED, TLS, host(n)), OK, "silent")
    table.add({"effect": "reset", "at": "request"}, lambda n: match(port=TLS, name=host(n)),
              lambda n: ("hello", SHARED, TLS, host(n)), OK, "ECONNRESET")
    table.add({"effect": "alert", "alert": 80}, lambda n: match(prefix=v6(n) + "/128"),
              lambda n: ("hello", v6(n), TLS, host(0)), OK, ALERTS[80])


def by_shape(table):
    """Rules that do not hit everything."""
    table.add({"effect": "refuse", "shape": {"first": 3}}, lambda n: match(port=ROW + n),
              lambda n: ("connects", SHARED, ROW + n, 6), "6 ok", "3 ECONNREFUSED, 3 ok")
    table.add(answer(503) | {"shape": {"budget": {"hits": 2}}},
              lambda n: match(port=HTTP, path=f"/row{n}/"),
              lambda n: ("requests", SHARED, HTTP, host(0), f"/row{n}/", 4), "200 200 200 200",
              "503 503 200 200")


def by_stream(table):
    """Rules that act in the middle of a download."""
    for after in (1000, 123457):
        table.add({"effect": "cut", "after": after}, lambda n: match(port=ROW + n),
                  lambda n: ("download", SHARED, ROW + n, f"/big/{n}"), WHOLE,
                  f"ECONNRESET after {after}")
    table.add({"effect": "cut", "after": 50000}, lambda n: match(name=host(n)),
              lambda n: ("download", SHARED, FREE, f"/big/{n}", host(n)), WHOLE,
              "ECONNRESET after 50000")
    table.add({"effect": "stall", "after": 100000}, lambda n: match(port=ROW + n),
              lambda n: ("stall", SHARED, ROW + n, f"/big/{n}", 100000), WHOLE, "stalled, whole")
    table.add({"effect": "stall", "after": 200000}, lambda n: match(prefix=v6(n) + "/128"),
              lambda n: ("stall", v6(n), HTTP, f"/big/{n}", 200000), WHOLE, "stalled, whole")
    table.add({"effect": "cut", "after": 99999}, lambda n: match(prefix=v6(n) + "/128"),
              lambda n: ("download", v6(n), HTTP, f"/big/{n}"), WHOLE, "ECONNRESET after 99999")
    table.add({"effect": "rate", "rate": 250000}, lambda n: match(port=ROW + n),
              lambda n: ("rate", SHARED, ROW + n, f"/big/{n}", 250000), "fast, whole",
              "at the rate, whole")
    table.add({"effect": "rate", "rate": 400000}, lambda n: match(name=host(n)),
              lambda n: ("rate", SHARED, FREE, f"/big/{n}", 400000, host(n)), "fast, whole",
              "at the rate, whole")


def by_query(table):
    """Rules about what a resolver says."""
    for word, seen in (("nxdomain", "rcode 3"), ("servfail", "rcode 2"), ("refused", "rcode 5"),
                       ("drop", "silent")):
        table.add({"effect": "dns", "dns": word},
                  lambda n: {"protocols": ["udp"], "names": [f"d{n}.mixed.example"]},
                  lambda n: ("query", f"d{n}.mixed.example"), "rcode 0", seen)


def rows():
    table = Table()
    for part in (by_address, by_request, by_hello, by_shape, by_stream, by_query):
        part(table)
    return table.rows
