#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sources.py includes|banned|spdx|size FILE...: rules of the tree that no general tool knows.

Prints one `file:line: message` for each breach; exits 1 when there was one.
"""
import collections
import re
import sys

# Which rooms the files of a room may include. What is not listed may include anything.
ROOMS = {
    "kernel": {"kernel"},
    "user/base": {"user/base"},
    "user/experiment": {"user/experiment", "user/base", "kernel"},
    "user/protocol": {"user/protocol", "user/experiment", "user/base", "kernel"},
    "user/gate": {"user/gate", "user/base", "kernel"},
    "user/daemon": {"user/daemon", "user/gate", "user/protocol", "user/experiment", "user/base",
                    "kernel"},
    "user/controller": {"user/controller", "user/gate", "user/protocol", "user/experiment",
                        "user/base", "kernel"},
}

# System headers that kernel/ may use: the programs know the UAPI only.
KERNEL_SYSTEM = re.compile(r"linux/|asm/|bpf/")

Gate = collections.namedtuple("Gate", "library header rooms files")

# A foreign library is known to these rooms only, in at most so many files (None: any number).
GATES = [
    Gate("libcurl", re.compile(r"curl/"), {"user/controller"}, 1),
    Gate("libbpf", re.compile(r"bpf/"), {"user/daemon"}, 4),  # user/daemon/bpf*
    Gate("the skeleton", re.compile(r".*faultd\.skel\.h"), {"user/daemon"}, 1),
    Gate("libnl", re.compile(r"netlink/"), {"user/daemon"}, 2),
    Gate("libmicrohttpd", re.compile(r"microhttpd\.h"), {"user/daemon"}, 1),
    Gate("libseccomp", re.compile(r"seccomp\.h"), {"user/daemon"}, 1),
    Gate("libcap", re.compile(r"sys/capability\.h"), {"user/daemon"}, 1),
    Gate("libsystemd", re.compile(r"systemd/"), {"user/daemon"}, 1),
    Gate("libfyaml", re.compile(r"libfyaml\.h"), {"user/experiment"}, 1),
    Gate("OpenSSL", re.compile(r"openssl/"), {"user/gate"}, None),
    Gate("nghttp2", re.compile(r"nghttp2/"), {"user/gate"}, 2),
    Gate("jansson", re.compile(r"jansson\.h"), {"user/protocol", "user/daemon", "user/controller"},
         None),
    Gate("cmocka", re.compile(r"cmocka\.h"), set(), 0),
]

BANNED = re.compile(
    r"\b(strtol|strtoll|strtoul|strtoull|strtod|strtof|strtold|strtoimax|strtoumax|atoi|atol|atoll"
    r"|atof|sscanf|strtok|strtok_r|sprintf|vsprintf|strcpy|stpcpy|strcat|strncpy|strncat|localtime"
    r"|gets|alloca|strdupa|strndupa|__builtin_alloca)\s*\(")
NUMBERS = re.compile(r"user/base/number\.[ch]$")
NUMBER_PARSERS = re.compile(r"strto(l|ll|ul|ull|d|f|ld|imax|umax)$")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")

LICENSED = re.compile(r"(\.(c|h|sh|py|js|mjs|java|conf|yaml|yml|service|mk)|(^|/)Makefile)$")
# Inputs whose every byte and line is what a test is about.
MALFORMED = re.compile(r"^tests/unit/.*/malformed/")
LINES_MAX = 600

TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.M)
MACRO = re.compile(r"^[ \t]*#[ \t]*define\b(?:[^\n]*\\\n)*[^\n]*", re.M)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def code_of(text):
    """The text with comments and strings blanked, every character at its place."""
    return TOKEN.sub(lambda token: re.sub(r"[^\n]", " ", token[0]), text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def is_c(path):
    return path.endswith((".c", ".h"))


def room_of(path):
    """The room whose rules hold for a file; a unit test keeps the rules of what it tests."""
    path = re.sub(r"^tests/unit/(kernel)/", r"tests/host/", path)
    path = re.sub(r"^tests/unit/([^/]+)/", r"user/\1/", path)
    for room in ROOMS:
        if path.startswith(room + "/"):
            return room
    return None


def breach_of_room(path, room, header, quoted):
    if not quoted:
        if room == "kernel" and not KERNEL_SYSTEM.match(header):
            return f"kernel/ includes <{header}>: only kernel/, <linux/>, <asm/> and <bpf/> are allowed"
        return None
    if header.endswith(".bpf.c"):
        return f"{header} is a program, not a header"
    target = room_of(header)
    if target is None and room and header.startswith(("user/", "tests/")) \
            and not path.startswith("tests/"):
        return f"{room}/ must not include {header}"
    if room and target and target not in ROOMS[room]:
        return f"{room}/ must not include {header}: dependencies flow the other way"
    return None


def check_includes(paths):
    seen = collections.defaultdict(list)  # library -> first place in each file
    for path in filter(is_c, paths):
        text = read(path)
        room = room_of(path)
        code = TOKEN.sub(lambda token: re.sub(r"[^\n]", " ", token[0]) if token[0][0] == "/"
                         else token[0], text)
        for include in INCLUDE.finditer(code):
            header = include[1] or include[2]
            line = line_of(code, include.start())
            message = breach_of_room(path, room, header, bool(include[1]))
            if message:
                yield path, line, message
            if path.startswith("tests/") or room == "kernel":
                continue
            for gate in GATES:
                if not gate.header.match(header):
                    continue
                if room not in gate.rooms:
                    allowed = " and ".join(sorted(gate.rooms)) or "tests/"
                    yield path, line, f"<{header}>: only {allowed} may use {gate.library}"
                elif path not in (place[0] for place in seen[gate.library]):
                    seen[gate.library].append((path, line))
    for gate in GATES:
        places = seen[gate.library]
        if gate.files is not None and len(places) > gate.files:
            for path, line in places:
                others = ", ".join(place[0] for place in places if place[0] != path)
                most = "one file" if gate.files == 1 else f"{gate.files} files"
                yield path, line, f"{gate.library} is for {most}: it is also in {others}"


def check_banned(paths):
    for path in filter(is_c, paths):
        text = read(path)
        code = code_of(text)
        for call in BANNED.finditer(code):
            if NUMBERS.search(path) and NUMBER_PARSERS.match(call[1]):
                continue
            yield path, line_of(code, call.start()), f"{call[1]} is banned"
        for word in UNFINISHED.finditer(text):
            yield path, line_of(text, word.start()), f"{word[1]}: finish it, or say nothing"
        for macro in MACRO.finditer(code):
            hidden = re.search(r"\b(return|goto)\b", macro[0])
            if hidden:
                yield (path, line_of(code, macro.start() + hidden.start()),
                       f"{hidden[1]} hidden in a macro")


def check_spdx(paths):
    for path in paths:
        if MALFORMED.search(path):
            continue
        head = read(path).split("\n", 3)[:3]
        if not LICENSED.search(path) and not head[0].startswith("#!"):
            continue
        kernel = path.startswith("kernel/")
        license_name = "GPL-2.0-only OR BSD-2-Clause" if kernel else "Apache-2.0"
        wanted = re.compile(r"SPDX-License-Identifier: " + re.escape(license_name) + r"( \*/)?$")
        if not any(wanted.search(line) for line in head):
            yield path, 1, f"no line 'SPDX-License-Identifier: {license_name}' at the top"


def check_size(paths):
    for path in filter(is_c, paths):
        lines = read(path).count("\n")
        if lines > LINES_MAX:
            yield path, lines, f"the file has {lines} lines, more than {LINES_MAX}"


CHECKS = {"includes": check_includes, "banned": check_banned, "spdx": check_spdx,
          "size": check_size}


def main(arguments):
    if not arguments or arguments[0] not in CHECKS:
        print(__doc__, file=sys.stderr)
        return 2
    breaches = sorted(set(CHECKS[arguments[0]](arguments[1:])))
    for path, line, message in breaches:
        print(f"{path}:{line}: {message}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
