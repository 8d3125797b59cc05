"""The protocol model holds, breaks where a bug is planted, and speaks the engines' language.

spin makes a C program of the model that visits every state; an error that it finds is a path to
it. What the model claims and leaves out stands at the head of outcome.pml.
"""
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
MODEL = HERE / "outcome.pml"
STATES = HERE.parents[1] / "docs" / "STATES.md"

# What is explored to the end. Each fault more multiplies the states by about ten.
WORLDS = {
    "two attempts, two faults": ["ATTEMPTS=2", "FAULTS=2"],
    "three attempts, one fault": ["ATTEMPTS=3", "FAULTS=1"],
    "a lock that does not hold": ["ATTEMPTS=2", "FAULTS=1", "LOCK_LOST"],
}
# What is planted, and the claim that must fall.
STALE = "fence/8"
TWICE = "commits"
UNSAID = "own["
UNKEPT = "taken["
VARIANTS = {
    "FENCE_BY_SELECT": (["ATTEMPTS=2", "FAULTS=0", "LOCK_LOST"], STALE),
    "NO_RECHECK": (["ATTEMPTS=2", "FAULTS=0", "LOCK_LOST"], TWICE),
    "EQUAL_EPOCHS": (["ATTEMPTS=2", "FAULTS=2"], STALE),
    "BLIND_RETRY": (["ATTEMPTS=2", "FAULTS=1", "LOCK_LOST"], TWICE),
    "NO_SETTLE": (["ATTEMPTS=2", "FAULTS=1"], UNSAID),
    "ACK_FIRST": (["ATTEMPTS=2", "FAULTS=1"], UNKEPT),
}


def explore(folder, defines):
    """What the checker says of the model with these definitions."""
    words = [f"-D{word}" for word in defines]
    subprocess.run(["spin", "-a", *words, str(MODEL)], cwd=folder, check=True, text=True,
                   capture_output=True)
    subprocess.run(["gcc", "-O0", "-w", "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c"], cwd=folder,
                   check=True)
    done = subprocess.run(["./pan", "-m100000"], cwd=folder, check=True, text=True,
                          capture_output=True)
    return done.stdout


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    return {name: explore(tmp_path_factory.mktemp("model"), defines)
            for name, defines in WORLDS.items()}


@pytest.mark.parametrize("world", WORLDS)
def test_model_holds(explored, world):
    said = explored[world]
    assert "errors: 0" in said, said
    assert "max search depth too small" not in said and "out of memory" not in said
    assert int(re.search(r"(\d+) states, stored", said).group(1)) > 10000


def test_every_change_of_state_is_reached(explored):
    """A row that no world comes to would be a claim about nothing."""
    lines = MODEL.read_text().splitlines()
    rows = {number for number, line in enumerate(lines, start=1)
            if re.search(r"\b(JOB|TASK|LEASE)\(\d", line) and "planted" not in line}
    first = lines.index("inline take_in(t) {") + 1
    last = lines.index("#define report_due(t) \\") + 1
    for world, said in explored.items():
        missed = Counter(int(line) for line in re.findall(r"outcome\.pml:(\d+), state", said))
        # take_in() stands in the program once an attempt
        attempts = 3 if "ATTEMPTS=3" in WORLDS[world] else 2
        rows &= {line for line, count in missed.items()
                 if first > line or line > last or count >= attempts}
    assert rows == set()


@pytest.mark.parametrize("variant", VARIANTS)
def test_planted_bug_is_refuted(tmp_path, variant):
    defines, claim = VARIANTS[variant]
    said = explore(tmp_path, [variant, *defines])
    found = re.search(r"assertion violated (.*?) ?\(at depth", said)
    assert found and claim in found.group(1), said
    trail = subprocess.run(["spin", "-t", "-p", *[f"-D{word}" for word in [variant, *defines]],
                            "-k", str(tmp_path / "outcome.pml.trail"), str(MODEL)], cwd=tmp_path,
                           text=True, capture_output=True, check=False).stdout
    assert "text of failed assertion" in trail


# The engines' words.


def engine(machine):
    """{state} and {row id: (states it is for, next state or None)} of a machine in STATES.md."""
    text = STATES.read_text()
    section = re.search(rf"^## {machine}$(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE).group(1)
    rows = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].isdigit():
            rows[int(cells[0])] = (set(cells[1].split(", ")), cells[4] or None)
    return set().union(*(states for states, _ in rows.values())), rows


def said_of(machine):
    return {word.replace("_", " ")
            for word in re.findall(rf"\b{machine}_(\w+)", re.search(
                r"^mtype = \{(.*?)\};", MODEL.read_text(), re.DOTALL | re.MULTILINE).group(1))}


def left_out(machine):
    found = re.search(rf"^ \*  leaves out {machine}: (.*)$", MODEL.read_text(), re.MULTILINE)
    listed = re.sub(r"\([^)]*\)", "", found.group(1)) if found else ""
    return {word.strip() for word in listed.split(",") if word.strip()}


@pytest.mark.parametrize("machine", ["job", "task", "lease"])
def test_states_are_the_engines(machine):
    states, _ = engine(machine)
    assert said_of(machine) | left_out(machine) == states
    assert not said_of(machine) & left_out(machine)


@pytest.mark.parametrize("machine", ["job", "task", "lease"])
def test_changes_are_rows_of_the_engines(machine):
    _, rows = engine(machine)
    used = re.findall(rf"\b{machine.upper()}\((\d+), {machine}_(\w+), {machine}_(\w+)\)",
                      MODEL.read_text())
    assert used
    for row, source, target in used:
        states, then = rows[int(row)]
        source, target = source.replace("_", " "), target.replace("_", " ")
        assert source in states, (row, source)
        assert target == (then or source), (row, target)
