# SPDX-License-Identifier: Apache-2.0
"""Schemas of JUnit XML: the one of this tree, and those that JUNIT_XSDS names, a colon between two."""

import copy
import os
import subprocess
import xml.etree.ElementTree as ElementTree

OURS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "junit.xsd")


def others():
    return [path for path in os.environ.get("JUNIT_XSDS", "").split(":") if path]


def complaints(schema, text):
    """What the schema has against the text; "" is nothing. A schema that is none is a failure."""
    done = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", schema, "-"],
                          input=text.encode(), capture_output=True, check=False)
    # 3 and 4: against the schema. The rest is a schema or a document that cannot be read.
    assert done.returncode in (0, 3, 4), (schema, done.returncode, done.stderr.decode())
    return done.stderr.decode() if done.returncode else ""


def validate(text):
    for schema in [OURS, *others()]:
        assert not complaints(schema, text), (schema, complaints(schema, text))


def broken_attributes(element):
    """Each attribute gone, empty and of another kind; one too many."""
    for name in element.attrib:
        for value in (None, "", "x y"):
            broken = dict(element.attrib)
            del broken[name]
            yield f"{name}={value!r}", broken if value is None else {**broken, name: value}
    for name in ("unheard-of", "name", "time", "tests", "id", "package", "group"):
        if name not in element.attrib:
            yield f"{name} added", {**element.attrib, name: "1"}


def broken_children(element):
    """Each child gone, twice, and in the first place; a child and a text too many."""
    children = list(element)
    for i, child in enumerate(children):
        rest = children[:i] + children[i + 1:]
        yield f"no {child.tag}", rest
        yield f"{child.tag} twice", children + [child]
        yield f"{child.tag} first", [child] + rest
    for tag in ("unheard-of", "properties", "system-out", "system-err", "skipped", "testsuite",
                "failure"):
        yield f"{tag} last", children + [ElementTree.Element(tag)]


def mutants(root):
    """Documents that differ from this one in one place, each with words for the place. One element of
    each kind is enough, and of cases one that passed and one that did not."""
    seen = set()
    for number, element in enumerate(root.iter()):
        kind = (element.tag, tuple(sorted({child.tag for child in element})))
        if kind in seen:
            continue
        seen.add(kind)
        for words, attributes in broken_attributes(element):
            changed = copy.deepcopy(root)
            place = list(changed.iter())[number]
            place.attrib.clear()
            place.attrib.update(attributes)
            yield f"{element.tag}: {words}", changed
        for words, children in broken_children(element):
            changed = copy.deepcopy(root)
            list(changed.iter())[number][:] = copy.deepcopy(children)
            yield f"{element.tag}: {words}", changed


def compare_schemas(text):
    """What one of the other schemas refuses ours refuses too: the number of such documents."""
    refused = 0
    for words, root in mutants(ElementTree.fromstring(text)):
        changed = ElementTree.tostring(root, encoding="unicode")
        if any(complaints(schema, changed) for schema in others()):
            refused += 1
            assert complaints(OURS, changed), words
    return refused
