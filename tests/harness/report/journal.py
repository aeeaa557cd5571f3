#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""journal.py [--hostile] [--cut] [--unsteady] [--wide] [--observed] [--slow] [--lost] [--seed=N] >
journal.jsonl: the journal of a run that never was, always the same.

An artifact store refuses for a minute, comes back, and a token service is throttled and released in
stages; three workflows work meanwhile, one of them out of the faults' reach. --hostile names
everything as an attacker would, --cut leaves out the end, --unsteady fails from the beginning,
--wide adds workflows until a page has to cope, --observed one that observes the artifact store's
traffic, --slow takes longer to come back, --lost never does; other seeds draw other attempts."""

import json
import random
import sys

S = 1_000_000_000
MS = 1_000_000
ORIGIN = 4_000 * S
REALTIME = 1_770_055_380 * S
START = ORIGIN + 200 * MS
BUCKET = 100 * MS

ARTIFACTS = (START + 40 * S + 3 * MS, START + 100 * S)
TOKENS = (START + 165 * S + 2 * MS, START + 225 * S)
FALLS = START + 205 * S
END = START + 300 * S


class Workflow:
    def __init__(self, name, every, attempts, takes, fails, stable, budget, timeout=5 * S):
        self.name, self.every, self.attempts, self.takes = name, every, attempts, takes
        self.fails, self.stable, self.budget, self.timeout = fails, stable, budget, timeout

    def terms(self):
        return {"name": self.name, "every_ns": self.every, "timeout_ns": self.timeout,
                "detect_failures": 3, "stable_successes": self.stable,
                "stable_span_ns": max(5 * S, 3 * self.every), "budget": self.budget}


WARM = (30 if "--slow" in sys.argv else 6) * S


def in_artifacts(t, rng):
    """Refused while injected, and for a while more while the store warms up."""
    if ARTIFACTS[0] <= t < ARTIFACTS[1] or "--lost" in sys.argv and t >= ARTIFACTS[1]:
        return "refused"
    return "http_5xx" if ARTIFACTS[1] <= t < ARTIFACTS[1] + WARM and rng.random() < 0.7 else None


def in_tokens(t, rng):
    if not TOKENS[0] <= t < TOKENS[1]:
        return None
    share = 1 if t < FALLS else (TOKENS[1] - t) / (TOKENS[1] - FALLS)
    return "http_4xx" if rng.random() < share else None


def provision(t, rng):
    return in_artifacts(t, rng) or in_tokens(t, rng)


HOSTILE = "<script>alert('x')</script>\"&|`](javascript:1) %0A::error::\u202e\x01 a\tb"


class Journal:
    def __init__(self, options):
        self.options = options
        self.records = []
        seeds = [option for option in options if option.startswith("--seed=")]
        self.rng = random.Random(int(seeds[0].partition("=")[2]) if seeds else 5)
        hostile = "--hostile" in options
        self.title = HOSTILE if hostile else \
            "Artifact store turns readers away, then the token service drowns in retries"
        self.faults = ["artifacts" + (HOSTILE if hostile else ""),
                       "tokens" + (HOSTILE if hostile else "")]
        self.workflows = [
            Workflow("provision" + (HOSTILE if hostile else ""), 2 * S, 4,
                     (300 * MS, 900 * MS), provision, 5,
                     {"recover_ns": 60 * S, "outage_ns": 45 * S, "amplification": 3.0,
                      "availability_ppm": 400000}),
            Workflow("token", 500 * MS, 2, (12 * MS, 45 * MS), in_tokens, 10,
                     {"recover_ns": 2 * S}),
            Workflow("registry", 1 * S, 1, (40 * MS, 120 * MS), lambda t, rng: None, 10, {}),
        ]
        if "--wide" in options:
            self.workflows += [Workflow(f"a-workflow-with-a-very-long-name-number-{i}", 5 * S, 1,
                                        (40 * MS, 120 * MS), lambda t, rng: None, 3, {})
                               for i in range(6)]
        self.hits = {}

    def add(self, at, record, **keys):
        self.records.append((at, len(self.records), {"record": record, "at_ns": at, **keys}))

    def unit(self, workflow, number):
        intended = START + number * workflow.every + self.rng.randrange(workflow.every // 10)
        at = started = intended + self.rng.randrange(MS // 2)
        for attempt in range(1, workflow.attempts + 1):
            bad = workflow.fails(at, self.rng)
            if "--unsteady" in self.options and self.rng.random() < 0.3:
                bad = "timeout"
            bucket = (at - START) // BUCKET
            seen = self.hits.setdefault((0 if at < FALLS - 60 * S else 1, bucket), [0, 0])
            seen[0] += 1
            seen[1] += bad is not None
            takes = self.rng.randrange(*workflow.takes) if not bad else self.rng.randrange(
                MS, 40 * MS)
            # A service that comes back is slow at first.
            if not bad and workflow.attempts > 1 and 0 <= at - ARTIFACTS[1] < 20 * S:
                takes *= 3
            ended = at + takes
            if ended > END:
                return
            outcome = {"outcome": "failure" if bad else "success", "class": bad or "ok"}
            self.add(ended, "attempt", workflow=workflow.name, unit_id=number, attempt=attempt,
                     intended_at_ns=intended, started_at_ns=at, ended_at_ns=ended, **outcome)
            if not bad or attempt == workflow.attempts:
                self.add(ended, "unit", workflow=workflow.name, unit_id=number, attempts=attempt,
                         intended_at_ns=intended, started_at_ns=started, last_started_at_ns=at,
                         ended_at_ns=ended, **outcome)
                return
            at = ended + self.rng.randrange(500 * MS * 2 ** (attempt - 1))

    def header(self):
        workflows = [workflow.terms() for workflow in self.workflows]
        plan = {"rules": [{"fault": fault, "effect": "refuse"} for fault in self.faults]}
        if "--observed" in self.options:
            workflows.append({"name": "traffic" + self.faults[0], "kind": "observe",
                              "observe": self.faults[:1], "every_ns": BUCKET, "timeout_ns": BUCKET,
                              "detect_failures": 3, "stable_successes": 10,
                              "stable_span_ns": 5 * S, "budget": {}})
        self.add(ORIGIN, "header", format=1, version="0.1.0", library="none",
                 realtime_ns=REALTIME, boot_id="8e2f5a3c-0000-4000-8000-000000000001",
                 host="runner-7" if "--hostile" not in self.options else HOSTILE,
                 kernel="6.18.0", seed=7, title=self.title,
                 experiment={"path": "experiments/azure-incident.yaml",
                             "text": "version: 1\ntitle: " + self.title + "\n"},
                 workflows=workflows, faults=self.faults,
                 plan=plan if "--observed" in self.options else {})

    def bucket(self, rule, number, tries, failures):
        """One of the kernel's series. What the observed traffic's server lets in it answers by 200."""
        passes = tries - failures
        seen = [rule, number, tries, tries, failures, passes]
        if rule == 0 and "--observed" in self.options:
            seen += [0, 0, passes, passes, number % 2, 0, passes, 0, 0, 0, 0, 0]
        return seen

    def window(self, fault, window, found):
        self.add(window[0] + 2 * MS, "inject", sent_ns=window[0] - MS, faults=[fault],
                 starts_at_ns=window[0], ends_at_ns=window[1], existing_found=found,
                 existing_reset=found, existing_adopted=0)

    def event(self, at, event, cause, fault):
        self.add(at, "event", event=event, cause=cause, faults=[fault])

    def play(self):
        self.header()
        self.add(START - 100 * MS, "armed", run="r1", bucket_ns=BUCKET, started_ns=START)
        self.add(START, "start")
        for workflow in self.workflows:
            for number in range((END - START) // workflow.every):
                self.unit(workflow, number)
        if "--unsteady" not in self.options:
            self.window(self.faults[0], ARTIFACTS, 3)
            self.event(ARTIFACTS[0] + 310 * MS, "first-hit", "", self.faults[0])
            self.event(ARTIFACTS[1], "lifted", "planned", self.faults[0])
            self.window(self.faults[1], TOKENS, 0)
            self.event(TOKENS[0] + 41 * MS, "first-hit", "", self.faults[1])
            self.add(FALLS + MS, "lift", sent_ns=FALLS - MS, faults=[self.faults[1]],
                     falls_ns=FALLS, ended_ns=TOKENS[1])
            self.event(TOKENS[1], "lifted", "lifted", self.faults[1])
        self.add(END, "series", bucket_ns=BUCKET, started_ns=START, buckets=[
            self.bucket(rule, bucket, *seen)
            for (rule, bucket), seen in sorted(self.hits.items(), key=lambda item: item[0][1])])
        self.add(END, "counters", rules=[
            {"index": i, "fault": fault, "effect": "refuse",
             "hits": sum(seen[1] for (rule, _), seen in self.hits.items() if rule == i)}
            for i, fault in enumerate(self.faults)])
        self.add(END + 20 * MS, "end", exit_code=0, text="",
                 end="unsteady" if "--unsteady" in self.options else "completed")
        self.records.sort(key=lambda record: record[:2])
        if "--cut" in self.options:
            self.records = [record for record in self.records if record[0] < START + 140 * S]

    def print(self):
        for _, _, record in self.records:
            print(json.dumps(record, ensure_ascii=False))


def main():
    journal = Journal(sys.argv[1:])
    journal.play()
    journal.print()


main()
