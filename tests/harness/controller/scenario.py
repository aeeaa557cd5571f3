# SPDX-License-Identifier: Apache-2.0
"""Runs faultctl against fake hosts, several at a time, and collects what it said."""

import asyncio
import json
import os
import sys
import tempfile
import traceback

from fake_host import FakeHost

MS = 1_000_000


class Scenario:
    """One run of faultctl. `behave` as in FakeHost; `during(scenario)` may interfere meanwhile."""

    def __init__(self, name, behave, check, every="100ms", timeout="400ms", steady="2s",
                 inject="2s", recover="8s", retry=1, backoff="100ms", during=None, setup=None,
                 budget=None, abort=None, workflows=None, lease="3s", arguments=(), environment=None,
                 timeline=None, again=("report",)):
        self.__dict__.update(locals())

    def experiment(self, port):
        url = f"http://127.0.0.1:{port}/"
        work = {"http": {"get": url}, "every": self.every, "timeout": self.timeout,
                "retry": {"attempts": self.retry, "backoff": self.backoff},
                "stable": {"successes": 10, "for": "1s"}, "budget": self.budget or {}}
        if not self.budget:
            del work["budget"]
        document = {
            "version": 1, "title": self.name, "lease": self.lease,
            "workflows": self.workflows(url) if self.workflows else {"work": work},
            "faults": {"fault": {"match": {"address": "127.0.0.1", "port": port},
                                 "effect": "refuse"}},
            "timeline": self.timeline or [
                {"steady": self.steady}, {"inject": "fault", "for": self.inject},
                {"recover": self.recover}],
        }
        if self.abort:
            document["abort"] = self.abort
        return document

    async def play(self, faultctl, directory):
        self.faultctl = faultctl
        self.directory = directory
        self.host = FakeHost(os.path.join(directory, "sock"), self.behave)
        await self.host.start()
        path = os.path.join(directory, "experiment.yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.experiment(self.host.port), file)
        if self.setup:
            self.setup(self)
        self.process = await asyncio.create_subprocess_exec(
            faultctl, "run", path, "--socket", self.host.socket_path, "--output",
            os.path.join(directory, "run"), "-o", "json", "--seed", "7", *self.arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **(self.environment or {})})
        task = asyncio.ensure_future(self.during(self)) if self.during else None
        out, err = await asyncio.wait_for(self.process.communicate(), 60)
        if task:
            await task
        self.code = self.process.returncode
        self.out, self.err = out.decode(), err.decode()
        self.report = json.loads(self.out) if self.out.startswith("{") else None
        self.host.stop()

    @property
    def result(self):
        return self.report["episodes"][0]["workflows"][0]

    def journal(self):
        with open(os.path.join(self.directory, "run", "journal.jsonl"), encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    async def until(self, condition):
        while not condition():
            await asyncio.sleep(0.005)


async def run_one(scenario, faultctl, directory):
    try:
        os.mkdir(directory)
        await scenario.play(faultctl, directory)
        scenario.check(scenario)
        # The journal alone gives the same report.
        again = await asyncio.create_subprocess_exec(
            faultctl, *scenario.again, os.path.join(directory, "run"), "-o", "json",
            stdout=asyncio.subprocess.PIPE)
        out, _ = await again.communicate()
        if scenario.report:
            assert json.loads(out) == scenario.report, "the report made again differs"
            assert again.returncode == scenario.code, (again.returncode, scenario.code)
        print(f"ok   {scenario.name}")
        return True
    except Exception:  # each scenario is judged by itself
        print(f"FAIL {scenario.name}")
        traceback.print_exc(file=sys.stdout)
        print(getattr(scenario, "err", ""))
        return False


async def run_all(scenarios, faultctl):
    with tempfile.TemporaryDirectory(prefix="faultctl-") as directory:
        passed = await asyncio.gather(*(
            run_one(scenario, faultctl, os.path.join(directory, str(i)))
            for i, scenario in enumerate(scenarios)))
    print(f"{sum(passed)} of {len(passed)} scenarios")
    return all(passed)


def main(scenarios):
    sys.exit(0 if asyncio.run(run_all(scenarios, sys.argv[1])) else 1)
