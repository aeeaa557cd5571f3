# SPDX-License-Identifier: Apache-2.0
"""formats.py FAULTCTL [FORMAT...]: every report format, made from journals alone, held against what its
readers accept; JUnit also against the further schemas that JUNIT_XSDS names, a colon between two."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import jsonschema
import junit_schemas

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.join(HERE, "..", "..", "..")
JOURNALS = {"plain": [], "hostile": ["--hostile"], "cut": ["--cut"], "unsteady": ["--unsteady"],
            "wide": ["--wide"], "observed": ["--observed", "--hostile"]}
CODES = {"plain": 1, "hostile": 1, "cut": 130, "unsteady": 5, "wide": 1, "observed": 1}


# The runs of A and B: options of their journals.
COMPARISONS = {
    "two": ([["--slow"]] * 5, [[]] * 6),
    "lost": ([["--lost"], ["--lost"], ["--lost"], ["--slow"]], [[], ["--lost"], [], []]),
    "few": ([[]], [["--slow"]]),
    "left_out": ([["--unsteady"], ["--cut"], []], [["--unsteady"]] * 2),
    "hostile": ([["--hostile"]] * 2, [["--hostile", "--slow"]] * 3),
    "one": ([["--slow"], [], ["--lost"]],),
}


def write_journal(path, options):
    with open(path, "wb") as file:
        subprocess.run([sys.executable, os.path.join(HERE, "journal.py"), *options], check=True,
                       stdout=file)


def validator(name):
    with open(os.path.join(TREE, "docs", name), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


class Reports:
    def __init__(self, faultctl, directory):
        self.faultctl, self.directory = faultctl, directory
        self.journals = {}
        for name, options in JOURNALS.items():
            self.journals[name] = os.path.join(directory, name + ".jsonl")
            write_journal(self.journals[name], options)

    def call(self, *arguments, environment=None):
        return subprocess.run([self.faultctl, "report", *arguments], capture_output=True,
                              check=False, env={**os.environ, **(environment or {})})

    def make(self, name, form, environment=None):
        done = self.call(self.journals[name], "-o", form, environment=environment)
        assert done.stderr == b"", done.stderr
        assert done.returncode == CODES[name], (name, form, done.returncode)
        return done.stdout.decode()

    def json(self, name):
        return json.loads(self.make(name, "json"))


def test_json(reports, name):
    report = reports.json(name)
    validator("report.schema.json").validate(report)
    observed = [workflow["phases"]["baseline"].get("observed")
                for workflow in report["episodes"][0]["workflows"]] if report["episodes"] else []
    if name == "observed":
        assert observed[:3] == [None] * 3 and observed[3]["established_share"] == 1, observed
    else:
        assert not any(observed), observed


def as_text(name):
    """A name as markup shows it."""
    return name.replace("\x01", "\ufffd").replace("\u202e", "\ufffd")


def check_run_suite(suite, report, journal):
    """The facts that lead back to the run, and its verdict."""
    with open(journal, encoding="utf-8") as file:
        experiment = json.loads(file.readline())["experiment"]
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert properties == {
        "faultd.version": report["version"], "experiment": experiment["path"],
        "experiment.sha256": hashlib.sha256(experiment["text"].encode()).hexdigest(),
        "seed": str(report["seed"]), "kernel": report["kernel"], "boot_id": report["boot_id"],
        "journal": journal, "verdict": report["verdict"],
        "exit_code": str(report["exit_code"])}, properties
    problems = suite.findall("testcase/failure") + suite.findall("testcase/error")
    assert [problem.text for problem in problems] == (
        [as_text(report["reason"])] if report["exit_code"] else [])
    assert suite.find("system-out").text == as_text(report["reason"]) + "\n"


def check_episode_suite(suite, episode):
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert (properties["verdict"], properties["cause"]) == (episode["verdict"], episode["cause"])
    assert ("lifted_at" in properties) == (episode["lifted_at"] is not None)
    # The figures of every workflow, and those of what failed once more with the failure.
    blocks = suite.find("system-out").text.split("\n\n")
    names = [case.get("name") for case in suite.findall("testcase")]
    for result, block in zip(episode["workflows"], blocks, strict=True):
        head, _, figures = block.rstrip("\n").partition("\n")
        assert head == f"{as_text(result['workflow'])}: {result['verdict']}", head
        clean = as_text(result["workflow"]).replace("\t", " ")
        case = suite.find("testcase[%d]" % (names.index(clean) + 1))
        bad = case.find("failure") if case.find("error") is None else case.find("error")
        assert (bad is not None) == (
            result["verdict"] not in ("passed", "not_affected")), result["verdict"]
        assert bad is None or bad.text == f"{bad.get('message')}\n{figures}\n", bad.text
        for budget, outcome in result["budgets"].items():
            case = suite.findall("testcase")[
                [i for i, n in enumerate(names) if n.startswith(f"{clean}: {budget} ")][0]]
            kind = {"met": None, "missed": "failure", "inconclusive": "error"}[outcome]
            seen = [child.tag for child in case]
            assert seen == ([kind] if kind else []), (budget, outcome, seen)


def test_junit(reports, name):
    text = reports.make(name, "junit")
    junit_schemas.validate(text)
    root = ElementTree.fromstring(text)
    report = reports.json(name)
    suites = root.findall("testsuite")
    assert [suite.get("id") for suite in suites] == [
        str(i) for i in range(1 + len(report["episodes"]))]
    for suite in suites:
        for attribute, path in [("tests", "testcase"), ("failures", "testcase/failure"),
                                ("errors", "testcase/error")]:
            assert int(suite.get(attribute)) == len(suite.findall(path)), attribute
    failed = bool(root.findall(".//failure") + root.findall(".//error"))
    assert failed == (report["exit_code"] != 0)
    check_run_suite(suites[0], report, reports.journals[name])
    for suite, episode in zip(suites[1:], report["episodes"]):
        check_episode_suite(suite, episode)


def test_openmetrics(reports, name):
    text = reports.make(name, "openmetrics")
    done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(),
                          capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done
    assert text.endswith("# EOF\n")
    # The figures are those of the JSON, to the nanosecond.
    for number, episode in enumerate(reports.json(name)["episodes"], 1):
        for result in episode["workflows"]:
            value = result["time_to_recover"] and result["time_to_recover"]["value_ns"]
            label = result["workflow"].replace("\\", "\\\\").replace('"', '\\"')
            line = 'faultd_time_to_recover_seconds{episode="%d",workflow="%s"} ' % (number, label)
            lines = [one for one in text.split("\n") if one.startswith(line)]
            wanted = [] if value is None else [
                line + f"{value // 10**9}.{value % 10**9:09d}"]
            assert lines == wanted, (lines, wanted)


def test_github(reports, name):
    summary = os.path.join(reports.directory, name + ".summary")
    text = reports.make(name, "github", {"GITHUB_STEP_SUMMARY": summary})
    lines = text.splitlines()
    level = {0: "notice", 5: "warning"}.get(CODES[name], "error")
    assert lines[0].startswith(f"::{level} "), lines[0]
    # Whatever names say, each line is one command whose properties end where they should.
    for line in lines:
        assert re.fullmatch(r"::(error|warning|notice) (file=[^:,]*,)?title=[^:,]*::.+", line), line
    missed = sum(list(result["budgets"].values()).count("missed")
                 for episode in reports.json(name)["episodes"] for result in episode["workflows"])
    assert sum(line.startswith("::error ") for line in lines[1:]) == missed
    with open(summary, encoding="utf-8") as file:
        assert file.read() == reports.make(name, "markdown")


def test_markdown(reports, name):
    text = reports.make(name, "markdown")
    assert text.startswith("# ") and "\n**" in text
    assert "<script" not in text and "](javascript" not in text
    # A name does not add a column to a table.
    columns = None
    for line in text.splitlines():
        if not line.startswith("|"):
            columns = None
            continue
        count = len(re.findall(r"(?<!\\)\|", line))
        assert columns in (None, count), line
        columns = count


def test_chaos_toolkit(reports, name):
    journal = json.loads(reports.make(name, "chaos-toolkit"))
    report = reports.json(name)
    assert set(journal) == {"chaoslib-version", "platform", "node", "experiment", "start", "end",
                            "duration", "status", "deviated", "steady_states", "run", "rollbacks"}
    windows = [window for episode in report["episodes"] for window in episode["windows"]]
    assert [run["activity"]["name"] for run in journal["run"]] == [
        "inject " + window["fault"] for window in windows]
    assert journal["experiment"]["method"] == [run["activity"] for run in journal["run"]]
    assert journal["status"] == {"plain": "failed", "hostile": "failed", "wide": "failed", "observed": "failed",
                                 "cut": "interrupted", "unsteady": "failed"}[name]
    assert journal["deviated"] == (report["verdict"] == "failed")
    assert journal["steady_states"]["before"]["steady_state_met"] == (name != "unsteady")
    for run, window in zip(journal["run"], windows):
        if window["ended_at"]:
            wanted = (window["ended_at"]["last_ns"] - window["starts_at_ns"]) / 1e9
            assert run["duration"] == wanted, (run, wanted)


def test_table(reports, name):
    text = reports.make(name, "table")
    assert text == reports.call(reports.journals[name]).stdout.decode()
    # Nothing in a name drives the terminal.
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", text), text
    verdict = reports.json(name)["verdict"].replace("_", " ")
    assert text.splitlines()[-1].startswith(f"verdict: {verdict}: "), text.splitlines()[-1]


def test_places(reports):
    """Several reports of one journal, to files and to standard output."""
    journal = reports.journals["plain"]
    at = [os.path.join(reports.directory, name) for name in ("a.json", "b.xml")]
    with open(at[0], "w", encoding="utf-8") as file:
        file.write("x" * 1_000_000)
    done = reports.call(journal, "-o", f"json={at[0]}", "-o", f"junit={at[1]}")
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.decode() == reports.make("plain", "table")
    with open(at[0], encoding="utf-8") as file:
        assert file.read() == reports.make("plain", "json")
    with open(at[1], encoding="utf-8") as file:
        assert file.read() == reports.make("plain", "junit")
    done = reports.call(journal, "-o", "table=-", "-o", "github")
    assert done.stdout.decode() == reports.make("plain", "table") + reports.make("plain", "github")
    for arguments, line in [
            (["-o", "xml"], "no such format: xml; there are table, json, junit, github, markdown, "
                            "chaos-toolkit, openmetrics or html"),
            (["-o", "json", "-o", "junit"], "json and junit cannot both go to standard output; "
                                            "name a file, as in junit=FILE"),
            (["-o", "json="], "json= names no file")]:
        done = reports.call(journal, *arguments)
        assert done.returncode == 2 and done.stdout == b"", done
        assert done.stderr.decode().splitlines()[0] == f"faultctl report: {line}", done.stderr
    done = reports.call(journal, "-o", "json=/nonexistent/report.json")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == (b"faultctl: cannot write /nonexistent/report.json: No such file or "
                           b"directory\n"), done.stderr
    # A journal that cannot be read leaves the last report alone, and no empty one behind.
    fresh = os.path.join(reports.directory, "fresh.json")
    done = reports.call("/nonexistent", "-o", f"json={at[0]}", "-o", f"json={fresh}")
    assert done.returncode == 2 and not os.path.exists(fresh)
    with open(at[0], encoding="utf-8") as file:
        assert file.read() == reports.make("plain", "json")


def test_junit_schemas(reports, name):
    """Nothing that the schemas of JUNIT_XSDS refuse is taken by ours."""
    refused = junit_schemas.compare_schemas(reports.make(name, "junit"))
    print(f"     {refused} documents are refused by {len(junit_schemas.others())} other schemas, "
          "and by ours")


def compare(reports, name):
    """The comparison of runs that are made for it, as JSON."""
    sides = [os.path.join(reports.directory, "compare", name, side) for side in "AB"]
    for side, journals in zip(sides, COMPARISONS[name]):
        for number, options in enumerate(journals, 1):
            os.makedirs(os.path.join(side, str(number)))
            write_journal(os.path.join(side, str(number), "journal.jsonl"),
                          [*options, f"--seed={number}"])
    done = subprocess.run([reports.faultctl, "compare", *sides[:len(COMPARISONS[name])], "-o",
                           "json"], capture_output=True, check=False)
    assert done.stderr == b"", done.stderr
    return json.loads(done.stdout)


def objects_of(value):
    """Every object below, itself included."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value:
        if isinstance(child, (dict, list)):
            yield from objects_of(child)


def check_strict(valid, comparison):
    """No key may be too many or, but for what stands only where there are two variants, missing."""
    optional = {"B", *comparison["workflows"][0]["figures"]} if comparison["workflows"] else set()
    for one in list(objects_of(comparison))[:200]:
        one["unheard-of"] = 1
        assert not valid.is_valid(comparison), one
        del one["unheard-of"]
        for key in sorted(set(one) - optional):
            value = one.pop(key)
            assert not valid.is_valid(comparison), key
            one[key] = value


def test_comparison(reports, name):
    comparison = compare(reports, name)
    valid = validator("comparison.schema.json")
    valid.validate(comparison)
    if name == "lost":
        # Of the four runs of A one recovered, of those of B three.
        work = comparison["workflows"][0]
        recover = work["figures"]["recover"]
        assert [(work[side]["recovered"]["count"], work[side]["recovered"]["total"])
                for side in "AB"] == [(1, 4), (3, 4)], work
        assert recover["A"]["median"]["never"] and recover["A"]["median"]["value"] is None
        assert [run["censored"] for run in recover["B"]["runs"]] == [False, True, False, False]
        assert recover["difference"]["never"] and recover["difference"]["low"] is None
    if name in ("one", "few"):
        check_strict(valid, comparison)


EVERY = [test_json, test_junit, test_openmetrics, test_github, test_markdown, test_chaos_toolkit,
         test_table]


def main():
    wanted = sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="faultctl-reports-") as directory:
        reports = Reports(sys.argv[1], directory)
        runs = [(test, name) for test in EVERY for name in JOURNALS]
        if junit_schemas.others():
            runs.append((test_junit_schemas, "plain"))
        runs += [(test_comparison, name) for name in COMPARISONS]
        for test, name in runs:
            word = test.__name__.removeprefix("test_")
            if wanted and word not in wanted:
                continue
            test(reports, name)
            print(f"ok   {word} of {name}")
        if not wanted:
            test_places(reports)
            print("ok   places")


main()
