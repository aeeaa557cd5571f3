# SPDX-License-Identifier: Apache-2.0
"""What a person sees while a run goes on: on a terminal, on one without colours, and in a pipe."""

import asyncio
import fcntl
import json
import os
import re
import signal
import struct
import sys
import tempfile
import termios

from fake_host import BUCKET_NS, FakeHost
from scenario import Scenario

COLUMNS, ROWS = 80, 24
COLOR = re.compile(r"\033\[\d*m")
EVENT = re.compile(r" *\d+\.\d{3}  (\S+)(?: +(\S.*))?")


def fails_while_injected(host, t):
    return "503" if host.injected(t) else "ok"


class CountingHost(FakeHost):
    """One whose kernel counts every request."""

    def answer_run(self, method, rest, body, t):
        if not rest.startswith("/series?from="):
            return super().answer_run(method, rest, body, t)
        first, last = int(rest.split("=")[1]), (t - self.started) // BUCKET_NS
        buckets = {}
        for at, outcome in self.requests:
            number = (at - self.started) // BUCKET_NS
            if first <= number < last:
                bucket = buckets.setdefault(number, [0, number, 0, 0, 0, 0, 0, 0])
                bucket[2] += 1
                bucket[3] += 1
                bucket[4 if outcome != "ok" else 5] += 1
        return 200, {"bucket_ns": BUCKET_NS, "started_ns": self.started, "from": first,
                     "to": last, "buckets": [buckets[number] for number in sorted(buckets)]}


class Screen:
    """A terminal of which only the text, line ends, and moves that faultctl makes are understood."""

    def __init__(self):
        self.lines, self.row, self.column = [""], 0, 0
        self.pictures = []

    def feed(self, text):
        for token in re.findall(r"\033\[(?:\d*)[A-Za-z]|\r|\n|[^\033\r\n]+", text):
            self.take(token)
        self.pictures.append("\n".join(self.lines))

    def take(self, token):
        if token == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
        elif token == "\r":
            self.column = 0
        elif token.endswith("F"):
            self.row, self.column = self.row - int(token[2:-1] or 1), 0
            assert self.row >= 0, "moved above the screen"
        elif token == "\033[J":
            self.lines[self.row:] = [self.lines[self.row][:self.column]]
        elif token == "\033[K":
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif not token.startswith("\033"):
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[:self.column] + token + line[self.column + len(token):]
            self.column += len(token)
            assert self.column < COLUMNS or self.row < len(self.pictures), "wraps"


async def play(faultctl, directory, environment, terminal, interrupt=False):
    """Runs an experiment; returns the exit code, the screen or the text of stderr, and the host."""
    os.mkdir(directory)
    scenario = Scenario("live", fails_while_injected, None, inject="3s")
    host = CountingHost(os.path.join(directory, "sock"), fails_while_injected)
    await host.start()
    path = os.path.join(directory, "experiment.yaml")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(scenario.experiment(host.port), file)
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = await asyncio.create_subprocess_exec(
        faultctl, "run", path, "--socket", host.socket_path, "--output",
        os.path.join(directory, "run"), "--seed", "7", stdout=asyncio.subprocess.PIPE,
        stderr=slave if terminal else asyncio.subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment})
    os.close(slave)
    screen, raw = Screen(), []

    def on_output():
        try:
            raw.append(os.read(master, 65536))
        except OSError:
            asyncio.get_running_loop().remove_reader(master)

    if terminal:
        asyncio.get_running_loop().add_reader(master, on_output)
    while interrupt and not (host.injected_at and host.requests[-1][0] > host.injected_at + 10**9):
        await asyncio.sleep(0.01)
    if interrupt:
        process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    await asyncio.sleep(0)
    if terminal:
        asyncio.get_running_loop().remove_reader(master)
    os.close(master)
    host.stop()
    text = b"".join(raw).decode() if terminal else err.decode()
    for chunk in re.split(r"(?=\033\[\d+F)", text) if terminal else []:
        screen.feed(chunk)
    return process.returncode, text, screen, host, out.decode()


def check_screen(text, screen, colored, glyphs):
    plain = [COLOR.sub("", picture) for picture in screen.pictures]
    assert bool(COLOR.search(text)) == colored, "colours"
    assert any(re.search(r"^  step 1 of 3, 0:0[12] left, baseline$", picture, re.M)
               for picture in plain), plain[:3]
    assert any("left, faults injected: fault\n" in picture for picture in plain)
    assert any(re.search(r"^  work +http_5xx +[" + glyphs + r" ]+ +\d+ ok +\d+ failed +\d open$",
                         picture, re.M) for picture in plain), plain[-20]
    assert any(re.search(r"^  kernel +[1-9]\d* hits/s +\S", picture, re.M) for picture in plain)
    assert any("  Ctrl-C lifts the faults and reports" in picture for picture in plain)
    for picture in plain:
        for line in picture.split("\n"):
            assert len(line) < COLUMNS, line
        assert len(re.findall(r"^  step ", picture, re.M)) <= 1, "a status line was left behind"
    # The status lines are gone in the end; the events stay.
    assert not re.search(r"^  (step|work|kernel|Ctrl)", plain[-1], re.M), plain[-1]
    check_events(plain[-1])


def check_events(text):
    lines = [line for line in text.split("\n") if line]
    found = [EVENT.fullmatch(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found) if not match]
    seen = [match[1] for match in found]
    # What the daemon tells and what the workflow meets may come in either order.
    for order in (["step", "inject", "fails", "works", "stable", "end"],
                  ["inject", "first-hit", "lifted", "stable"]):
        assert [word for word in seen if word in order and word != "step"] == [
            word for word in order if word != "step"], (order, seen)
    assert seen[0] == "step" and seen.count("step") == 2, seen


async def run_all(faultctl):
    with tempfile.TemporaryDirectory(prefix="faultctl-live-") as directory:
        terminal, plain, ascii_, pipe, interrupted = await asyncio.gather(
            play(faultctl, directory + "/a", {"NO_COLOR": ""}, True),
            play(faultctl, directory + "/b", {"NO_COLOR": "1"}, True),
            play(faultctl, directory + "/c", {"NO_COLOR": "1", "LC_ALL": "C"}, True),
            play(faultctl, directory + "/d", {}, False),
            play(faultctl, directory + "/e", {}, True, interrupt=True))
    check_screen(terminal[1], terminal[2], True, "\u2581-\u2588")
    check_screen(plain[1], plain[2], False, "\u2581-\u2588")
    check_screen(ascii_[1], ascii_[2], False, ".+x")
    print("ok   on a terminal")
    assert "\033" not in pipe[1], "a pipe gets sequences"
    check_events(pipe[1])
    assert [run[0] for run in (terminal, plain, ascii_, pipe)] == [0, 0, 0, 0]
    print("ok   in a pipe")
    code, text, screen, host, out = interrupted
    assert code == 130, code
    assert "end      signal: SIGINT" in screen.pictures[-1], screen.pictures[-1]
    calls = [call[1:] for call in host.calls if "renew" not in call[2] and "series" not in call[2]]
    assert calls[-3:] == [("POST", "/v1/runs/r1/lift"), ("GET", "/v1/runs/r1/counters"),
                          ("DELETE", "/v1/runs/r1")], calls
    # What there is is reported.
    assert "\nwork " in out and "verdict: interrupted: interrupted: SIGINT\n" in out, out
    print("ok   interrupted")


asyncio.run(run_all(sys.argv[1]))
