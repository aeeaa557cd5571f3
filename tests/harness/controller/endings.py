# SPDX-License-Identifier: Apache-2.0
"""How a run can end: refused, lost, halted, interrupted, aborted, unsteady, not exercised."""

import asyncio
import os
import pwd
import signal

from scenario import MS, Scenario, main


def fails_while_injected(host, t):
    return "503" if host.injected(t) else "ok"


def ends(code, verdict, reason=None, then=None):
    def check(scenario):
        assert scenario.code == code, (scenario.code, scenario.out, scenario.err)
        assert scenario.report["verdict"] == verdict, scenario.report["verdict"]
        if reason:
            assert reason == scenario.report["reason"], scenario.report["reason"]
        if then:
            then(scenario)

    return check


def refused(code, line):
    """One line, no report, and nothing was armed."""

    def check(scenario):
        assert scenario.code == code, scenario.code
        assert scenario.out == "", scenario.out
        assert scenario.err == f"faultctl: {line}\n", scenario.err
        assert [call[1:] for call in scenario.host.calls] == [("POST", "/v1/runs")]
        assert scenario.journal()[-1]["end"] == "refused"

    return check


def refuse(status, code, text):
    def setup(scenario):
        scenario.host.refusal = (status, code, text)

    return setup


def injected_for(scenario, ms):
    host = scenario.host
    return host.injected_at and host.requests[-1][0] > host.injected_at + ms * MS


async def stop_api(scenario):
    await scenario.until(lambda: injected_for(scenario, 500))
    scenario.stopped_at = scenario.host.requests[-1][0]
    scenario.host.stop_api()


def check_lost(scenario):
    episode = scenario.report["episodes"][0]
    window = episode["windows"][0]
    # Between the last renewal and the end of the lease that it gave, or of the window.
    assert window["cause"] == "crash", window
    assert window["ended_at"]["first_ns"] <= scenario.stopped_at + 5 * MS, window
    assert window["ended_at"]["last_ns"] <= window["planned_end_ns"], window
    assert window["ended_at"]["last_ns"] >= scenario.stopped_at, window


async def freeze(scenario):
    await scenario.until(lambda: injected_for(scenario, 300))
    scenario.host.frozen = True
    await scenario.process.wait()
    scenario.host.frozen = False


async def stop_controller(scenario):
    """The controller does not run for longer than its lease."""
    await scenario.until(lambda: injected_for(scenario, 500))
    scenario.process.send_signal(signal.SIGSTOP)
    await scenario.until(lambda: scenario.host.lifted_at)
    scenario.process.send_signal(signal.SIGCONT)


def check_stopped(scenario):
    window = scenario.report["episodes"][0]["windows"][0]
    assert window["cause"] == "lease", window
    assert window["ended_at"]["last_ns"] == scenario.host.lifted_at, window
    # What it looks at first when it goes on, the time or the daemon's answer, it names.
    assert scenario.report["reason"].startswith("the daemon was lost: the lease ran out")
    # The daemon is well: the run is taken away from it.
    assert scenario.host.calls[-1][1:] == ("DELETE", "/v1/runs/r1"), scenario.host.calls[-1]


def check_frozen(scenario):
    lost = [record for record in scenario.journal() if record["record"] == "lost"]
    assert len(lost) == 1
    # The loop did not block: it gave up when the lease ended, and probed until then.
    assert 0 <= lost[0]["at_ns"] - lost[0]["lease_until_ns"] <= 300 * MS, lost
    last = max(t for t, _ in scenario.host.requests)
    assert lost[0]["at_ns"] - last <= 200 * MS


def send(number):
    async def act(scenario):
        await scenario.until(lambda: injected_for(scenario, 500))
        scenario.process.send_signal(number)

    return act


def check_lifted_first(scenario):
    calls = [call[1:] for call in scenario.host.calls if "renew" not in call[2]]
    assert calls[-4:] == [("POST", "/v1/runs/r1/lift"), ("GET", calls[-3][1]),
                          ("GET", "/v1/runs/r1/counters"), ("DELETE", "/v1/runs/r1")], calls
    assert scenario.report["episodes"][0]["cause"] in ("lifted", "aborted")


def check_aborted(scenario):
    check_lifted_first(scenario)
    assert scenario.report["episodes"][0]["cause"] == "aborted"


async def halt(scenario):
    await scenario.until(lambda: injected_for(scenario, 500))
    scenario.host.answer("POST", "/v1/halt", b"")


def check_halted(scenario):
    assert scenario.report["episodes"][0]["cause"] == "halted"


def check_no_inject(scenario):
    assert not scenario.report["episodes"]
    assert not any("/inject" in call[2] for call in scenario.host.calls)
    assert scenario.host.run is None


def commands(url):
    """A command that fails with output, one that hangs with a child, one that cannot be run."""
    common = {"every": "1s", "timeout": "500ms", "stable": {"successes": 2, "for": "1s"}}
    return {
        "work": {"http": {"get": url}, "every": "100ms", "timeout": "400ms",
                 "stable": {"successes": 10, "for": "1s"}},
        "fails": {"run": ["sh", "-c", f"curl -sf {url} >/dev/null || (echo no token; exit 7)"],
                  **common},
        "hangs": {"run": ["sh", "-c",
                          f"curl -sf {url} >/dev/null || (sleep 47.11 & sleep 47.11)"], **common},
        "dies": {"run": ["sh", "-c", f"curl -sf {url} >/dev/null || kill -TERM $$"], **common},
    }


def check_commands(scenario):
    assert scenario.code == 0, (scenario.code, scenario.out)
    attempts = [r for r in scenario.journal() if r["record"] == "attempt" and
                r["outcome"] == "failure"]
    seen = {(r["workflow"], r["class"]) for r in attempts if r["workflow"] != "work"}
    assert seen == {("fails", "exit_code"), ("hangs", "timeout"), ("dies", "killed")}, seen
    for record in attempts:
        if record["workflow"] == "fails":
            assert record["status"] == 7 and record["detail"] == "no token\n", record
        if record["workflow"] == "dies":
            assert record["errno"] == signal.SIGTERM, record
        if record["workflow"] == "hangs":
            took = record["ended_at_ns"] - record["started_at_ns"]
            assert 500 * MS <= took <= 600 * MS, took
    left = [pid for pid in os.listdir("/proc") if pid.isdigit() and command_line(pid) ==
            b"sleep\x0047.11\x00"]
    assert not left, left


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def check_overrun(scenario):
    units = [r for r in scenario.journal() if r["record"] == "unit"]
    overrun = [r for r in units if r["class"] == "overrun"]
    assert overrun and all(r["attempts"] == 0 and r["outcome"] == "failure" for r in overrun)
    flying = most = 0
    for at, step in sorted([(r["started_at_ns"], 1) for r in units if r["attempts"]] +
                           [(r["ended_at_ns"], -1) for r in units if r["attempts"]]):
        flying += step
        most = max(most, flying)
    assert most == 256, most


async def lift_by_hand(scenario):
    """A person asks, lifts one fault and, at the end, halts and releases the host."""
    await scenario.until(lambda: injected_for(scenario, 500))
    scenario.said = [await faultctl(scenario, *words) for words in
                     (["status"], ["lift", "fault"], ["lift", "nothing"])]
    await scenario.process.wait()
    scenario.said += [await faultctl(scenario, *words) for words in
                      (["lift"], ["halt"], ["release"])]
    scenario.host.stop_api()
    scenario.said.append(await faultctl(scenario, "status"))


async def faultctl(scenario, *words):
    process = await asyncio.create_subprocess_exec(
        scenario.faultctl, *words, "--socket", scenario.host.socket_path,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def check_lifted_by_hand(scenario):
    assert scenario.code == 0, (scenario.code, scenario.out)
    window = scenario.report["episodes"][0]["windows"][0]
    assert window["cause"] == "lifted", window
    assert window["ended_at"]["last_ns"] < window["planned_end_ns"] - 1000 * MS, window
    code, out, _ = scenario.said[0]
    assert code == 0 and "run          r1 of uid 0: " in out, out
    assert scenario.said[1] == (0, "lifted\n", ""), scenario.said[1]
    assert scenario.said[2] == (2, "", "faultctl: no such fault: nothing\n"), scenario.said[2]
    assert scenario.said[3] == (0, "no run on this host; nothing to lift\n", "")
    assert scenario.said[4] == (0, "halted: everything is lifted, new runs are refused\n", "")
    assert scenario.said[5] == (0, "released: new runs are allowed\n", "")
    code, out, err = scenario.said[6]
    assert (code, out) == (3, "") and err.startswith("faultctl: cannot reach the daemon at "), err


def staged(over, **more):
    """The fault is there for 6 s unless it is lifted, which begins after 1 s."""
    return [{"steady": "2s"}, {"inject": "fault", "for": "6s", "wait": "1s"},
            {"lift": "fault", "over": over, **more}, {"recover": "8s"}]


def check_staged(over_ms, steps):
    def check(scenario):
        assert scenario.code == 0, (scenario.code, scenario.out)
        assert scenario.host.staged == [
            {"faults": ["fault"], "over_ns": over_ms * MS, **steps}], scenario.host.staged
        lift = next(r for r in scenario.journal() if r["record"] == "lift")
        window = scenario.report["episodes"][0]["windows"][0]
        # The end of the lift is the end of the episode's fault, and the steps went on only then.
        assert window["cause"] == "lifted", window
        assert window["planned_end_ns"] == lift["ended_ns"] == lift["falls_ns"] + over_ms * MS
        assert window["ended_at"]["first_ns"] == window["ended_at"]["last_ns"] == lift["ended_ns"]
        assert scenario.report["episodes"][0]["lifted_at"]["last_ns"] == lift["ended_ns"]
        recover = next(r for r in scenario.journal() if r.get("kind") == "recover")
        assert 0 <= recover["at_ns"] - lift["ended_ns"] <= 100 * MS, recover

    return check


def refuse_lift(scenario):
    scenario.host.lift_refusal = (500, "failed", "the kernel said no")


def refused_lift(scenario):
    assert scenario.code == 3 and scenario.host.lifted_at, (scenario.code, scenario.err)
    assert scenario.report["verdict"] == "refused", scenario.report["verdict"]
    assert scenario.report["reason"] == "the daemon refused: the kernel said no", \
        scenario.report["reason"]


async def use_up(scenario):
    await scenario.until(lambda: injected_for(scenario, 1000))
    scenario.host.lift(["fault"], "budget")


def check_used_up(scenario):
    window = scenario.report["episodes"][0]["windows"][0]
    assert window["cause"] == "budget", window
    assert window["ended_at"]["last_ns"] == scenario.host.lifted_at
    assert scenario.host.lifted_at < window["planned_end_ns"] - 1000 * MS, window


def who_am_i(url):
    return {"who": {"run": ["sh", "-c", f"curl -sf {url} >/dev/null || (id -u; echo $HOME; exit 1)"],
                    "every": "500ms", "timeout": "400ms", "stable": {"successes": 2, "for": "1s"}}}


def check_who(scenario):
    details = {r["detail"] for r in scenario.journal() if r.get("detail")}
    nobody = pwd.getpwuid(65534)
    expected = "65534\n" + nobody.pw_dir if os.geteuid() == 0 else f"{os.geteuid()}\n{os.environ['HOME']}"
    assert details == {expected + "\n"}, details


def kept(url):
    # Rare enough that none is due while another is open, which needs a connection of its own.
    return {"work": {"http": {"get": url, "connection": "warm"}, "every": "400ms",
                     "timeout": "400ms", "stable": {"successes": 3, "for": "1s"}}}


def check_kept(scenario):
    assert scenario.code == 0
    assert scenario.host.connections == 1, scenario.host.connections


main([
    Scenario("busy", fails_while_injected, refused(4, "another run holds the host"),
             setup=refuse(409, "busy", "another run holds the host")),
    Scenario("denied", fails_while_injected, refused(4, "uid 1000 may not"),
             setup=refuse(403, "denied", "uid 1000 may not")),
    Scenario("invalid", fails_while_injected, refused(2, "rules: too many"),
             setup=refuse(400, "invalid", "rules: too many")),
    Scenario("unresolvable", fails_while_injected, refused(2, "no.example does not resolve"),
             setup=refuse(422, "unresolvable", "no.example does not resolve")),
    Scenario("broken daemon", fails_while_injected, refused(3, "the kernel said no"),
             setup=refuse(500, "failed", "the kernel said no")),
    Scenario("daemon gone", fails_while_injected, ends(3, "daemon_lost", then=check_lost),
             during=stop_api, inject="6s"),
    Scenario("daemon frozen", fails_while_injected,
             ends(3, "daemon_lost",
                  "the daemon was lost: the lease ran out without an answer from the daemon",
                  check_frozen),
             during=freeze, inject="6s", lease="1s"),
    Scenario("controller stopped", fails_while_injected,
             ends(3, "daemon_lost", then=check_stopped),
             during=stop_controller, inject="6s", lease="1s"),
    Scenario("SIGINT", fails_while_injected,
             ends(130, "interrupted", "interrupted: SIGINT", check_lifted_first),
             during=send(signal.SIGINT), inject="6s"),
    Scenario("SIGTERM", fails_while_injected,
             ends(130, "interrupted", "interrupted: SIGTERM", check_lifted_first),
             during=send(signal.SIGTERM), inject="6s"),
    Scenario("halted by another", fails_while_injected,
             ends(6, "aborted", "the host was halted", check_halted), during=halt, inject="6s"),
    Scenario("abort rule", fails_while_injected,
             ends(6, "aborted", "an abort rule stopped the run: work: availability 0.0% over 2 s "
                                "is below 50.0%", check_aborted),
             inject="8s", abort=[{"workflow": "work", "availability below": "50%", "for": "2s"}]),
    Scenario("unsteady", lambda host, t: "503",
             ends(5, "unsteady", then=check_no_inject)),
    Scenario("not exercised", lambda host, t: "ok",
             ends(5, "not_exercised", "fault fault was injected, but no traffic met it")),
    Scenario("budget missed",
             lambda host, t: "503" if host.injected(t) or
             (host.lifted_at and t < host.lifted_at + 1500 * MS) else "ok",
             ends(1, "failed", "work: budget recover missed in episode 1"),
             budget={"recover": "1s"}),
    Scenario("budget inside the interval",
             lambda host, t: "503" if host.injected(t) or
             (host.lifted_at and t < host.lifted_at + 1000 * MS) else "ok",
             ends(5, "inconclusive",
                  "work: budget recover lies inside the measurement interval in episode 1"),
             every="500ms", budget={"recover": "1s"}, recover="12s"),
    Scenario("lifted by a person", fails_while_injected, check_lifted_by_hand, inject="6s",
             during=lift_by_hand),
    Scenario("staged lift", fails_while_injected, check_staged(1500, {"steps": 3}),
             timeline=staged("1500ms", steps=3)),
    Scenario("staged lift beyond the planned end", fails_while_injected, check_staged(7000, {}),
             timeline=staged("7s")),
    Scenario("staged lift refused", fails_while_injected, refused_lift, setup=refuse_lift,
             timeline=staged("1s")),
    Scenario("budget used up", fails_while_injected, ends(0, "passed", then=check_used_up),
             inject="6s", during=use_up),
    Scenario("commands of the invoking user", fails_while_injected, check_who, workflows=who_am_i,
             environment={"SUDO_UID": "65534", "SUDO_GID": "65534"}),
    Scenario("kept connections", fails_while_injected, check_kept, workflows=kept),
    Scenario("commands", fails_while_injected, check_commands, steady="3s", inject="3s",
             workflows=commands),
    Scenario("too many in flight", lambda host, t: "hang" if host.injected(t) else "ok",
             ends(0, "passed", then=check_overrun), every="10ms", timeout="4s", inject="3s",
             recover="10s"),
])
