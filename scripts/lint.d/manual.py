#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""manual.py BUILD: each manual page names every option of its program and verb, and no other."""

import os
import re
import subprocess
import sys

OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]+)")
PAGES = {"docs/man/faultd.8": "faultd", "docs/man/faultctl.1": "faultctl"}


def help_of(program, *words):
    """What a program says of itself; stops when it does not."""
    return subprocess.run([program, *words, "--help"], check=True, capture_output=True,
                          text=True).stdout


def listed(text):
    """The long options of an option list, without what prose mentions."""
    return {name for line in text.splitlines() if re.match(r" +(-\S, +|    +)?--", line)
            for name in OPTION.findall(line)[:1]}


def main(build):
    """Prints what differs; returns how often."""
    breaches = 0
    for page, name in PAGES.items():
        program = os.path.join(build, name)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        verbs = re.findall(r"^  ([a-z]+) ", help_of(program), re.MULTILINE)
        known = listed(help_of(program)) | {"version"}
        for verb in verbs:
            known |= listed(help_of(program, verb))
            if not re.search(rf"^\.It Cm {verb}$|^\.Cm {verb}\b", text, re.MULTILINE):
                print(f"{page}:1: the verb {verb} is missing")
                breaches += 1
        written = {option.replace("\\", "") for option in
                   re.findall(r"^\.It Fl .*?Fl -([a-z-]+)|^\.It Fl -([a-z-]+)", text, re.MULTILINE)
                   for option in option if option}
        for option in sorted(known ^ written):
            print(f"{page}:1: the option --{option} is",
                  "not one of its program" if option in written else "missing")
            breaches += 1
    return breaches


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) > 0)
