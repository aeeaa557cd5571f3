# SPDX-License-Identifier: Apache-2.0
"""Every report format, made from journals alone, held against what its readers accept."""

import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.join(HERE, "..", "..", "..")
JOURNALS = {"plain": [], "hostile": ["--hostile"], "cut": ["--cut"], "unsteady": ["--unsteady"],
            "wide": ["--wide"], "observed": ["--observed", "--hostile"]}
CODES = {"plain": 1, "hostile": 1, "cut": 130, "unsteady": 5, "wide": 1, "observed": 1}


class Reports:
    def __init__(self, faultctl, directory):
        self.faultctl, self.directory = faultctl, directory
        self.journals = {}
        for name, options in JOURNALS.items():
            self.journals[name] = os.path.join(directory, name + ".jsonl")
            with open(self.journals[name], "wb") as file:
                subprocess.run([sys.executable, os.path.join(HERE, "journal.py"), *options],
                               check=True, stdout=file)

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
    with open(os.path.join(TREE, "docs", "report.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    report = reports.json(name)
    jsonschema.validate(report, schema, jsonschema.Draft202012Validator)
    observed = [workflow["phases"]["baseline"].get("observed")
                for workflow in report["episodes"][0]["workflows"]] if report["episodes"] else []
    if name == "observed":
        assert observed[:3] == [None] * 3 and observed[3]["established_share"] == 1, observed
    else:
        assert not any(observed), observed


def test_junit(reports, name):
    text = reports.make(name, "junit")
    done = subprocess.run(["xmllint", "--noout", "--nonet", "--schema",
                           os.path.join(HERE, "junit.xsd"), "-"], input=text.encode(),
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    root = ElementTree.fromstring(text)
    report = reports.json(name)
    suites = root.findall("testsuite")
    assert len(suites) == 1 + len(report["episodes"])
    for suite in [root, *suites]:
        for attribute, path in [("tests", "testcase"), ("failures", "testcase/failure"),
                                ("errors", "testcase/error")]:
            found = suite.findall((".//" if suite is root else "") + path)
            assert int(suite.get(attribute)) == len(found), (suite.get("name"), attribute)
    failed = bool(root.findall(".//failure") + root.findall(".//error"))
    assert failed == (report["exit_code"] != 0)
    for suite, episode in zip(suites[1:], report["episodes"]):
        names = [case.get("name") for case in suite.findall("testcase")]
        for result in episode["workflows"]:
            clean = result["workflow"].replace("\x01", "\ufffd").replace("\u202e", "\ufffd").replace("\t", " ")
            case = suite.find("testcase[%d]" % (names.index(clean) + 1))
            bad = case.find("failure") is not None or case.find("error") is not None
            assert bad == (result["verdict"] not in ("passed", "not_affected")), result["verdict"]
            for budget, outcome in result["budgets"].items():
                case = suite.findall("testcase")[
                    [i for i, n in enumerate(names) if n.startswith(f"{clean}: {budget} ")][0]]
                kind = {"met": None, "missed": "failure", "inconclusive": "error"}[outcome]
                seen = [child.tag for child in case if child.tag in ("failure", "error")]
                assert seen == ([kind] if kind else []), (budget, outcome, seen)


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


def main():
    with tempfile.TemporaryDirectory(prefix="faultctl-reports-") as directory:
        reports = Reports(sys.argv[1], directory)
        for test in (test_json, test_junit, test_openmetrics, test_github, test_markdown,
                     test_chaos_toolkit, test_table):
            for name in JOURNALS:
                test(reports, name)
                print(f"ok   {test.__name__.removeprefix('test_')} of {name}")
        test_places(reports)
        print("ok   places")


main()
