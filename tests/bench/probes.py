# SPDX-License-Identifier: Apache-2.0
"""probes.py FAULTCTL URL RATE SECONDS CPU [cold|warm [EACH]]: plays an experiment of RATE HTTP probes
a second, EACH (100) of them a workflow's, on one CPU and prints what came of it: schedule lateness, latency, CPU time and memory. Exits 1
when the 99th percentile of the lateness is 2 ms or more, a unit was abandoned, or memory grew."""

import asyncio
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness",
                                "controller"))
from fake_host import FakeHost  # pylint: disable=wrong-import-position

LATENESS_NS = 2_000_000
GROWTH_KIB = 1024  # between a third of the run and its end
STEADY_S, RECOVER_S = 5, 3


def experiment(url, rate, seconds, connection, each):
    workflow = {"http": {"get": url, "connection": connection},
                "every": f"{1_000_000 // each}us", "timeout": "1s",
                "stable": {"successes": 10, "for": "1s"}}
    return {"version": 1, "title": "probes", "lease": "10s",
            "workflows": {f"probe-{i}": workflow for i in range(rate // each)},
            "faults": {"fault": {"match": {"address": "192.0.2.1"}, "effect": "refuse"}},
            # Nothing meets the fault: what is measured is the schedule.
            "timeline": [{"steady": f"{STEADY_S}s"},
                         {"inject": "fault", "for": f"{seconds - STEADY_S - RECOVER_S}s"},
                         {"recover": f"{RECOVER_S}s"}]}


def alone():
    """A core to itself, where that can be had: what else runs is not what is measured."""
    return ["chrt", "--fifo", "1"] if os.geteuid() == 0 else []


def field(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    return 0


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        parts = file.read().rsplit(")", 1)[1].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


async def play(faultctl, url, rate, seconds, cpu, connection, each, directory):
    host = FakeHost(os.path.join(directory, "sock"), lambda host, t: "ok")
    await host.start()
    path = os.path.join(directory, "experiment.yaml")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(experiment(url, rate, seconds, connection, each), file)
    report = os.path.join(directory, "report.json")
    process = await asyncio.create_subprocess_exec(
        "taskset", "-c", cpu, *alone(), faultctl, "run", path, "--socket", host.socket_path, "--output",
        os.path.join(directory, "run"), "--seed", "1", "--quiet", "-o", "json=" + report,
        stdout=asyncio.subprocess.DEVNULL)
    memory, used = [], 0
    # The report is made from the journal at the end, by the same process: that is not the run.
    while process.returncode is None and host.run is None:
        await asyncio.sleep(0.01)
    while process.returncode is None and host.run is not None:
        memory.append(field(process.pid, "VmRSS"))
        used = cpu_seconds(process.pid)
        await asyncio.sleep(0.5)
    await process.wait()
    host.stop()
    with open(report, encoding="utf-8") as file:
        return json.load(file), memory, used


def main():
    faultctl, url, rate, seconds, cpu = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:5]), sys.argv[5]
    connection = sys.argv[6] if len(sys.argv) > 6 else "cold"
    each = int(sys.argv[7]) if len(sys.argv) > 7 else 100
    with tempfile.TemporaryDirectory(prefix="faultctl-probes-") as directory:
        report, memory, used = asyncio.run(
            play(faultctl, url, rate, seconds, cpu, connection, each, directory))
    if not report["episodes"]:
        sys.exit(f"{connection} connections, {each}/s of a workflow: {report['reason']}")
    workflows = report["workflows"]
    results = report["episodes"][0]["workflows"]
    units = sum(result["phases"][phase]["units"] for result in results
                for phase in ("baseline", "fault", "recovery"))
    good = sum(result["phases"][phase]["successes"] for result in results
               for phase in ("baseline", "fault", "recovery"))
    failures = {}
    for result in results:
        for name, count in result["failed_attempts"].items():
            failures[name] = failures.get(name, 0) + count
    lateness = max(workflow["lateness_p99_ns"] for workflow in workflows)
    # What a run remembers has its full size after a third of a minute.
    memory = memory[min(len(memory) // 3, 40):-1]
    growth = max(memory) - memory[0]
    length = (report["ended_at_ns"] - report["started_at_ns"]) / 1e9
    print(f"{connection} connections, {len(workflows)} workflows of {each}/s, {length:.1f} s: "
          f"{units} probes, {units / length:.0f}/s, {units - good} failed {failures or ''}".rstrip())
    print(f"schedule lateness: p50 {max(w['lateness_p50_ns'] for w in workflows) / 1e6:.3f} ms, "
          f"p99 {lateness / 1e6:.3f} ms, largest {report['late_by_ns'] / 1e6:.3f} ms")
    print(f"latency: p50 {max(r['phases']['fault']['latency_p50_ns'] for r in results) / 1e6:.3f}"
          f" ms, p99 {max(r['phases']['fault']['latency_p99_ns'] for r in results) / 1e6:.3f} ms")
    print(f"processor: {100 * used / length:.0f} % of one core")
    print(f"memory: {memory[0]} KiB after a third of the run, {memory[-1]} KiB at its end, at most "
          f"{max(memory)} KiB")
    sys.exit(lateness >= LATENESS_NS or "overrun" in failures or growth > GROWTH_KIB)


main()
