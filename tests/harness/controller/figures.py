# SPDX-License-Identifier: Apache-2.0
"""What a run's figures are worth: delayed work counts from when it was due, alerts are heard, traffic
that is only observed and control groups are measured, several runs are told together, and what a
controller that was killed has written is right."""

import asyncio
import json
import os
import socket
import subprocess

from scenario import MS, Scenario, main

PASSING = {"successes": 10, "for": "1s"}


def fails_while_injected(host, t):
    return "503" if host.injected(t) else "ok"


def http(url, **more):
    return {"http": {"get": url}, "every": "100ms", "timeout": "400ms", "stable": PASSING, **more}


# A service that stalls for 10 s under 100 requests a second, each of which waits at most 2 s.
def stalls(host, t):
    if not host.injected(t):
        return "ok"
    host.touch(t)
    return "ok", max(window[1] for window in host.windows.values()) / 1e9 - t / 1e9


def check_stall(scenario):
    result = scenario.result
    # 8 s of units wait 2 s for nothing; those of the last 2 s wait for the end of the stall.
    failed = result["units_intended"] - result["units_successful"]
    assert 780 <= failed <= 820, failed
    assert result["units_intended"] >= 1000 + 100, result["units_intended"]
    phase = result["phases"]["fault"]
    assert 980 <= phase["units"] <= 1020, phase
    assert 180 <= phase["successes"] <= 220, phase
    # Their waits are spread evenly from 0 to 2 s.
    assert 1900 * MS <= phase["latency_p99_ns"] <= 2050 * MS, phase
    assert 850 * MS <= phase["latency_p50_ns"] <= 1150 * MS, phase
    assert result["phases"]["baseline"]["latency_p99_ns"] <= 500 * MS, result["phases"]


async def kill_controller(scenario):
    host = scenario.host
    await scenario.until(lambda: host.injected_at and host.requests and
                         host.requests[-1][0] > host.injected_at + 700 * MS)
    scenario.process.kill()
    scenario.killed_at = host.requests[-1][0]
    await scenario.until(lambda: host.lifted_at)


def check_killed(scenario):
    assert scenario.code == -9 and scenario.out == "", (scenario.code, scenario.out)
    # The lease ended the fault, long before its window would have.
    assert scenario.host.lifted_at <= scenario.killed_at + 1100 * MS
    assert scenario.host.events[-1]["cause"] == "lease" or scenario.host.events[-2]["cause"] == "lease"
    again = subprocess.run([scenario.faultctl, "report", os.path.join(scenario.directory, "run"),
                            "-o", "json"], capture_output=True, text=True, check=False)
    assert again.returncode == 130, (again.returncode, again.stderr)
    report = json.loads(again.stdout)
    assert report["verdict"] == "interrupted", report["verdict"]
    assert report["reason"] == "the journal ends before the run does", report["reason"]
    with open(os.path.join(scenario.directory, "run", "journal.jsonl"), encoding="utf-8") as file:
        whole = [json.loads(line) for line in file if line.endswith("\n")]
    units = [r for r in whole if r["record"] == "unit"]
    injected = next(r for r in whole if r["record"] == "inject")["starts_at_ns"]
    after = [r for r in units if r["ended_at_ns"] > injected]
    result = report["episodes"][0]["workflows"][0]
    assert result["units_intended"] == len(after) > 3
    assert result["units_successful"] == sum(r["outcome"] == "success" for r in after)
    assert result["first_failure_at_ns"] == min(
        r["ended_at_ns"] for r in after if r["outcome"] == "failure")
    assert result["stable_at_ns"] is None and report["episodes"][0]["lifted_at"] is None


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def alerted(scenario, url):
    scenario.alert_port = free_port()
    return {"work": http(url, detect={
        "webhook": f"http://127.0.0.1:{scenario.alert_port}/alert"})}


async def post(port, path, body):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                 % (path, len(body), body))
    reply = await reader.read()
    writer.close()
    return reply


async def send_alerts(scenario):
    host = scenario.host
    # One before the fault, one that says that all is well, one elsewhere, and the one that counts.
    await scenario.until(lambda: host.requests)
    await post(scenario.alert_port, b"/alert", b"{}")
    await scenario.until(lambda: host.injected_at and any(w[2] for w in host.windows.values()))
    await post(scenario.alert_port, b"/alert", b'{"status": "resolved"}')
    assert b" 404 " in await post(scenario.alert_port, b"/other", b"{}")
    await asyncio.sleep(0.7)
    before = host.requests[-1][0]
    await post(scenario.alert_port, b"/alert", b'{"status": "firing"}')
    scenario.alerted = (before, host.requests[-1][0])


def check_alerted(scenario):
    assert scenario.code == 0, (scenario.code, scenario.err)
    alerts = [r["at_ns"] for r in scenario.journal() if r["record"] == "alert"]
    assert len(alerts) == 2, alerts
    assert scenario.result["detected_at_ns"] == alerts[1]
    assert scenario.alerted[0] <= alerts[1], (scenario.alerted, alerts)
    detect = scenario.result["time_to_detect"]
    assert detect["value_ns"] == alerts[1] - scenario.report["episodes"][0]["effective_at_ns"]
    assert detect["after_ns"] == detect["until_ns"] == detect["value_ns"], detect


def asked(scenario, url):
    flag = os.path.join(scenario.directory, "firing")
    return {"work": http(url, detect={"command": ["test", "-e", flag]})}


async def raise_flag(scenario):
    await scenario.until(lambda: scenario.host.injected_at)
    await asyncio.sleep(1.3)
    with open(os.path.join(scenario.directory, "firing"), "w", encoding="utf-8"):
        pass


def check_asked(scenario):
    alerts = [r for r in scenario.journal() if r["record"] == "alert"]
    assert len(alerts) == 1, alerts
    detect = scenario.result["time_to_detect"]
    assert scenario.result["detected_at_ns"] == alerts[0]["at_ns"]
    # It is asked once a second: the flag was raised between the last no and the yes.
    effective = scenario.report["episodes"][0]["effective_at_ns"]
    assert detect["after_ns"] == max(0, alerts[0]["after_ns"] - effective), detect
    assert detect["until_ns"] - detect["after_ns"] >= 900 * MS, detect


def observed(scenario, url):
    return {"work": http(url), "traffic": {"observe": "fault", "stable": PASSING}}


def check_observed(scenario):
    assert scenario.code == 0, (scenario.code, scenario.report["reason"])
    work, traffic = scenario.report["episodes"][0]["workflows"]
    host = scenario.host
    assert traffic["verdict"] == "passed", traffic
    # Its points lie within a bucket of what the service did.
    failed = traffic["first_failure_at_ns"] - host.injected_at
    assert 0 <= failed <= 320 * MS, failed / MS
    stable = traffic["stable_at_ns"] - host.lifted_at
    assert -100 * MS <= stable <= 220 * MS, stable / MS
    # Each request is counted, not each bucket.
    assert abs(traffic["units_intended"] - work["units_intended"]) <= 4, (traffic, work)
    assert traffic["phases"]["baseline"]["latency_p50_ns"] == 0


def controlled(fails):
    def workflows(scenario, url):
        return {"work": http(url),
                "control": {"run": ["sh", "-c", f"test ! -e {scenario.directory}/control-fails"],
                            "every": "100ms", "timeout": "400ms", "stable": PASSING,
                            "control": "work"}}

    async def during(scenario):
        if fails:
            await scenario.until(lambda: scenario.host.injected_at)
            with open(os.path.join(scenario.directory, "control-fails"), "w", encoding="utf-8"):
                pass

    return {"workflows": workflows, "during": during}


def check_control(code, verdict, reason):
    def check(scenario):
        assert (scenario.code, scenario.report["reason"]) == (code, reason), scenario.report["reason"]
        work, control = scenario.report["episodes"][0]["workflows"]
        assert work["verdict"] == "passed", work
        assert control["verdict"] == verdict, control
        # A control group's failures ask for no recovery: the run ended when the work was well.
        assert scenario.report["end"] == "completed"

    return check


def kept(scenario, url):
    return {"cold": http(url),
            "warm": {**http(url), "http": {"get": url, "connection": "warm"}}}


def check_kept(scenario):
    attempts = [r for r in scenario.journal() if r["record"] == "attempt"]
    cold = [r for r in attempts if r["workflow"] == "cold"]
    warm = [r for r in attempts if r["workflow"] == "warm"]
    assert cold and all(not r.get("kept") and r["connect_ns"] > 0 for r in cold)
    assert sum(not r.get("kept") for r in warm) == 1 and len(warm) > 20
    assert not warm[0].get("kept") and all("connect_ns" not in r for r in warm[1:])


def check_repeat(scenario):
    assert scenario.code == 0, (scenario.code, scenario.err)
    assert scenario.err.count("run 1 of 2: ") == scenario.err.count("run 2 of 2: ") == 1
    assert sorted(os.listdir(os.path.join(scenario.directory, "run"))) == ["001", "002"]
    assert scenario.report["conclusion"] == "2 of 2 runs passed, 95 % interval 34 to 100 %"
    recover = scenario.report["workflows"][0]["figures"]["recover"]["A"]
    assert len(recover["runs"]) == 2 and recover["median"]["confidence"] == 0.5, recover
    seeds = {header(scenario, number)["seed"] for number in ("001", "002")}
    assert len(seeds) == 2, "each run has a seed of its own"


def header(scenario, number):
    path = os.path.join(scenario.directory, "run", number, "journal.jsonl")
    with open(path, encoding="utf-8") as file:
        return json.loads(file.readline())


def second_experiment(scenario):
    document = {**scenario.experiment(scenario.host.port), "title": "the other one"}
    with open(scenario.arguments[-1].format(scenario.directory), "w", encoding="utf-8") as file:
        json.dump(document, file)
    scenario.arguments = [argument.format(scenario.directory) for argument in scenario.arguments]


def check_compared(scenario):
    assert scenario.code == 0, (scenario.code, scenario.err)
    played = [line.partition(": ")[2] for line in scenario.err.splitlines()
              if line.startswith("run ")]
    # Each round plays both; the seed draws which is first.
    assert sorted(played[:2]) == sorted(played[2:]) == ["compared", "the other one"], played
    assert [v["title"] for v in scenario.report["variants"]] == ["compared", "the other one"]
    assert scenario.report["conclusion"] == "neither is shown to be better"
    sentence = scenario.report["workflows"][0]["figures"]["recover"]["sentence"]
    assert sentence.startswith("time to recover: too few runs to tell; B - A is "), sentence


def check_usage(scenario):
    """Exit code 2: a file that is wrong, or words that are."""
    assert scenario.code == 0, scenario.code
    path = os.path.join(scenario.directory, "wrong.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("version: 2\n")
    for words, text in ((["run"], "is missing"), (["run", path], "wrong.yaml:1:10: error: "),
                        (["run", "--compare", path], "--compare takes two experiments"),
                        (["run", path, path], "one experiment; two are for --compare"),
                        (["compare", scenario.directory], ": no run is there")):
        said = subprocess.run([scenario.faultctl, *words], capture_output=True, text=True,
                              check=False)
        assert said.returncode == 2 and said.stdout == "" and text in said.stderr, (words, said)


def scenario_of(name, check, workflows=None, behave=fails_while_injected, **more):
    """A scenario whose workflows may look at the scenario itself."""
    scenario = Scenario(name, behave, check, **more)
    if workflows:
        scenario.workflows = lambda url: workflows(scenario, url)
    return scenario


main([
    scenario_of("a stall of 10 s under 100/s", check_stall, behave=stalls, every="10ms",
                timeout="2s", steady="3s", inject="10s"),
    scenario_of("killed", check_killed, during=kill_controller, inject="6s", lease="1s"),
    scenario_of("webhook", check_alerted, alerted, during=send_alerts, inject="3s"),
    scenario_of("command that asks", check_asked, asked, during=raise_flag, inject="4s"),
    scenario_of("observed traffic", check_observed, observed),
    scenario_of("control group", check_control(0, "not_affected", "every budget met"),
                **controlled(False)),
    scenario_of("control group that fails",
                check_control(5, "inconclusive", "control group control failed too in episode 1: "
                                                 "not the fault alone was measured"),
                **controlled(True)),
    scenario_of("cold and warm", check_kept, kept),
    scenario_of("repeated", check_repeat, arguments=("--repeat", "2"),
                again=("compare", "--seed", "7")),
    scenario_of("compared", check_compared, setup=second_experiment, again=("compare", "--help"),
                arguments=("--repeat", "2", "--compare", "{}/other.yaml")),
    scenario_of("usage", check_usage),
])
