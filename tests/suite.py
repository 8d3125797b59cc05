"""Write one CTest driver over several build trees: suite.py BUILD TREE...

Each tree's tests appear once under TREE/NAME with all their properties, so that one ctest run
gives one summary. Which kinds of test (labels) of a tree belong in the suite stands in KINDS.
What starts PostgreSQL runs once where two trees have it: under the sanitizers. Those labelled BOTH
run on the programs as they ship, too. What runs longest begins first, so that none is left over.
"""
import json
import subprocess
import sys
from pathlib import Path

# Labels that run in each tree. None: all of them but NOT_IN_SUITE.
KINDS = {
    "dev": None,  # model, sim and faults too: what they ask needs no second run
    "asan": {"unit", "integration", "fuzz"},  # there, fuzz is a replay of the seeds
    "fuzz": {"fuzz"},
}
NOT_IN_SUITE = {"bench", "long"}
ONCE = {"integration", "server"}  # under asan, where that is built
BOTH = "both"
LONG = {"integration", "server", "faults", "soak", "sim"}
FIRST = 1000  # ctest begins what costs more before the rest


def read_tests(tree):
    answer = subprocess.run(["ctest", "--show-only=json-v1"], cwd=tree, check=True,
                            capture_output=True, text=True)
    return json.loads(answer.stdout)["tests"]


def is_long(properties):
    return bool(LONG & set(properties.get("LABELS", []))) and "COST" not in properties


def properties_of(test):
    return {p["name"]: p["value"] for p in test.get("properties", [])}


def is_wanted(tree_name, labels, trees):
    if labels & NOT_IN_SUITE:
        return False
    if labels & ONCE and BOTH not in labels and tree_name == "dev" and "asan" in trees:
        return False
    kinds = KINDS[tree_name]
    return kinds is None or bool(labels & kinds)


def quote(text):
    """A CMake bracket argument, whatever the text holds."""
    level = 0
    while "]" + "=" * level + "]" in text + "]":
        level += 1
    return f"[{'=' * level}[{text}]{'=' * level}]"


def as_text(value):
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, list):
        return ";".join(str(v).replace(";", "\\;") for v in value)
    return str(value)


def render(tree_name, test):
    if "command" not in test:
        raise SystemExit(f"suite.py: {tree_name}/{test['name']} has not been built")
    name = f"{tree_name}/{test['name']}"
    lines = [f"add_test({quote(name)} {' '.join(quote(word) for word in test['command'])})"]
    properties = properties_of(test)
    for key, value in sorted(properties.items()):
        if key in ("DEPENDS", "FIXTURES_REQUIRED", "FIXTURES_SETUP", "FIXTURES_CLEANUP"):
            raise SystemExit(f"suite.py: {name}: {key} would tie tests of different trees together")
        if key == "LABELS":
            value = [*value, tree_name]
        lines.append(f"set_tests_properties({quote(name)} PROPERTIES {key} {quote(as_text(value))})")
    if is_long(properties):
        lines.append(f"set_tests_properties({quote(name)} PROPERTIES COST {FIRST})")
    return "\n".join(lines) + "\n"


def main():
    build, *trees = sys.argv[1:]
    text = ""
    for tree_name in trees:
        for test in read_tests(Path(build) / tree_name):
            if is_wanted(tree_name, set(properties_of(test).get("LABELS", [])), trees):
                text += render(tree_name, test)
    (Path(build) / "CTestTestfile.cmake").write_text(text)


main()
