"""Every command of drover as its help says: right lines, wrong lines, exit codes, JSON, no escapes.

The commands are found through --help itself, so that a new one is walked too.
"""
import json
import os
import pty
import re
import subprocess

import pytest

from lib import configs, migrations, rollouts
from lib.fleet import Fleet, program, run_drover
from lib.process import clean_environment

TENANTS = ["shop_0", "shop_1"]
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
ESCAPE = "\x1b"


# The tree, as its help tells it.

def section(text, title):
    """First words of a section's rows."""
    rows = re.search(rf"^{title}:\n((?:  .*\n)+)", text, re.MULTILINE)
    return re.findall(r"^  (\S+)", rows.group(1), re.MULTILINE) if rows else []


def walk(*path):
    """(path, help text) of a command and all below it."""
    text = run_drover(*path, "--help").out
    yield path, text
    for child in section(text, "Commands"):
        yield from walk(*path, child)


TREE = dict(walk())
GROUPS = [path for path, text in TREE.items() if section(text, "Commands")]
LEAVES = [path for path in TREE if path not in GROUPS]
ids = {"ids": lambda path: " ".join(path) or "drover"}


def usage(path):
    return re.search(r"^Usage: (.*)$", TREE[path], re.MULTILINE).group(1)


def required(path):
    """Words that a right line has at least: its arguments, then its flags with values."""
    line = re.sub(r"\[[^]]*\](\u2026)?", "", usage(path))[len("drover"):]
    for word in path:
        line = line.replace(f" {word}", "", 1)
    return line.split()


def right_line(path):
    """A line that parses; what it names need not exist."""
    return [{"KIND": "release", "N": "1", "OUTCOME": "gone"}.get(word, "nothing" if word.isupper() else word)
            for word in required(path)]


def run_apart(*line, tmp_path, env=None):
    """Where no configuration is: what comes past the line's own check stops there."""
    return run_drover(*line, folder=tmp_path, env={
        "HOME": tmp_path, "XDG_CONFIG_HOME": tmp_path, "DROVER_CONFIG": tmp_path / "none",
        **(env or {})})


def assert_usage(answer, path, says):
    name = " ".join(("drover", *path))
    assert answer.code == 2, answer
    assert answer.out == "", answer
    lines = answer.err.splitlines()
    assert lines[0].startswith(f"DRV-1001 {name}: ") and says in lines[0], answer
    assert lines[1:] == ["HINT: run the command with --help to see how it is used",
                         f"usage: {usage(path)}"], answer


def test_the_walk_found_the_commands():
    assert len(LEAVES) >= 35
    assert ("rollout", "start") in LEAVES and ("rollout",) in GROUPS


@pytest.mark.parametrize("path", TREE, **ids)
def test_help(path):
    for flag in ("--help", "-h"):
        answer = run_drover(*path, flag)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out == TREE[path]
    assert TREE[path].startswith(f"{(path or ('drover',))[-1]}: ")
    assert usage(path).startswith(" ".join(("drover", *path)))


def test_no_command_shows_the_help():
    answer = run_drover()
    assert (answer.code, answer.out, answer.err) == (2, "", TREE[()])


@pytest.mark.parametrize("path", GROUPS, **ids)
def test_unknown_command(path, tmp_path):
    if path and not usage(path).endswith("[COMMAND]"):  # does nothing by itself
        assert_usage(run_apart(*path, tmp_path=tmp_path), path, "a command is expected")
    assert_usage(run_apart(*path, "zzzzzz", tmp_path=tmp_path), path, "unknown command 'zzzzzz'")
    child = section(TREE[path], "Commands")[-1]
    assert_usage(run_apart(*path, child + "x", tmp_path=tmp_path), path,
                 f"unknown command '{child}x'; did you mean '{child}'?")
    assert_usage(run_apart(*path, "z\x1b[2J\n", tmp_path=tmp_path), path,
                 r"unknown command 'z\x1b[2J\x0a'")


@pytest.mark.parametrize("path", LEAVES, **ids)
def test_wrong_lines(path, tmp_path):
    right = right_line(path)
    many = re.search(r" \[?[A-Z]+\u2026", usage(path))  # takes any number of arguments
    for line, says in (([*right, "--zzzzzz"], "unknown flag '--zzzzzz'"),
                       ([*right, "-Z"], "unknown flag '-Z'"),
                       ([*right, "--hel"], "unknown flag '--hel'; did you mean '--help'?"),
                       ([*right, "one", "two", "three"], "one argument too many: '"),
                       ([*right, "--output"], "--output needs a value"),
                       ([*right, "-o", "xml"], "--output is one of table, json, not 'xml'"),
                       ([*right, "--config="], "--config is empty: give FILE, or leave it out"),
                       ([*right, "--yes=1"], "--yes takes no value"),
                       ([*right, "-y", "--yes"], "--yes is given twice"),
                       ([*right, "--passphrase-fd", "x"], "takes a whole number, not 'x'")):
        if not (many and says.startswith("one argument too many")):
            assert_usage(run_apart(*path, *line, tmp_path=tmp_path), path, says)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [path for path in LEAVES if required(path)], **ids)
def test_missing_words(path, tmp_path):
    words = required(path)
    arguments = [word for word in words if word.isupper() and
                 (words.index(word) == 0 or not words[words.index(word) - 1].startswith("--"))]
    assert_usage(run_apart(*path, tmp_path=tmp_path), path,
                 f"the argument {words[0].rstrip('…')} is missing" if arguments
                 else f"{words[0]} is missing")
    for word in arguments:
        line = ["" if mine == "nothing" and theirs == word else mine
                for mine, theirs in zip(right_line(path), words)]
        assert_usage(run_apart(*path, *line, tmp_path=tmp_path), path,
                     f"the argument {word.rstrip('…')} is empty")


@pytest.mark.parametrize("path", LEAVES, **ids)
def test_values(path, tmp_path):
    """Flags with a number, a time or a choice say what they take."""
    right = right_line(path)
    for flag, value in re.findall(r"^  (?:-\w, )?(--[\w-]+) (\w+)", TREE[path], re.MULTILINE):
        if flag in right or flag == "--passphrase-fd":
            continue
        bad = {"N": ("-1", "takes a whole number, not '-1'"),
               "FD": ("-1", "takes a whole number, not '-1'"),
               "METHOD": ("undoo", "did you mean 'undo'?"),
               "KIND": ("zzzzzz", "--kind is one of release, "),
               "OUTCOME": ("zzzzzz", "--as is one of applied, "),
               "ROLE": ("zzzzzz", "--role is one of viewer, "),
               "TIME": ("5x", "takes a duration as in 30s, not '5x'")}.get(value)
        if bad is None or flag in ("--since", "--until"):
            bad = ("", f"{flag} is empty: give {value}, or leave it out")
        if flag == "--output":
            bad = ("", "--output is one of table, json, not ''")
        assert_usage(run_apart(*path, *right, flag, bad[0], tmp_path=tmp_path), path, bad[1])


# Lines that only the handler can judge: still usage, still before anything is asked.

HANDLED = {
    ("rollback",): "which one? a ROLLOUT, or --select with --to",
    ("rollback", "r1", "--select", "all", "--to", "V1"): "either a ROLLOUT, or --select with --to",
    ("rollback", "--select", "all"): "--to is missing",
    ("rollback", "--to", "V001"): "--select is missing",
    ("rollback", "r1", "--application", "a"): "--application and --bundle go with --select",
    ("backup", "create"): "--select or --tenant",
    ("backup", "create", "--select", "a", "--tenant", "b"): "--select or --tenant, not both",
    ("baseline", "--select", "a", "--at", "V1", "--bundle", "b", "--application", "c"):
        "--bundle names its application: leave out one",
    ("lint", "--newest-major", "9999999999"): "--newest-major takes two digits as in 17",
    ("bundle", "build", "m", "-a", "s", "--out", "o", "--major", "9"):
        "--major takes two digits as in 15",
    ("bundle", "build", "m", "-a", "s", "--out", "o", "--major", "15", "--major", "15"):
        "--major 15 is given twice",
}


@pytest.mark.parametrize("line", HANDLED, ids=" ".join)
def test_lines_that_contradict_themselves(line, tmp_path):
    answer = run_apart(*line, tmp_path=tmp_path)
    assert answer.code == 2, answer
    assert answer.err.startswith("DRV-1001 drover ") and HANDLED[line] in answer.err, answer
    assert answer.err.count("\nusage: drover ") == 1, answer


# Reading commands: JSON also of nothing, and nothing that steers a terminal.

@pytest.fixture(scope="module")
def bare(folder):
    """A coordinator that nobody told of anything."""
    with Fleet(folder / "bare", {}) as fleet:
        yield fleet


LISTS = {("tenants",): "tenants", ("agents",): "agents", ("clusters",): "clusters",
         ("bundle", "list"): "bundles", ("rollout", "list"): "rollouts",
         ("rollout", "list", "--all"): "rollouts", ("backup", "list"): "backups",
         ("audit", "log"): "rows"}
NEWEST = [("rollout", verb) for verb in ("status", "failures", "report", "watch")]


@pytest.mark.parametrize("line", LISTS, ids=" ".join)
def test_empty_lists(bare, line):
    answer = bare.ok(*line, "-o", "json")
    assert answer.json == {LISTS[line]: []}
    assert answer.err == ""
    shown = bare.ok(*line)
    assert shown.out == ""
    assert re.fullmatch(r"drover: [^\n]+\n", shown.err)


@pytest.mark.parametrize("line", NEWEST, ids=" ".join)
def test_no_newest_rollout(bare, line):
    answer = bare.drover(*line, "-o", "json")
    assert (answer.code, answer.out) == (1, ""), answer
    assert answer.err.startswith("DRV-1005 "), answer
    assert answer.err.count("HINT: ") == 1


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    postgres.create_tenants(TENANTS)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, TENANTS)]}) as fleet:
        fleet.push_bundle(migrations.EXAMPLE)
        rollouts.baseline(fleet)
        fleet.ok("backup", "create", "--tenant", TENANTS[0], "--wait")
        fleet.write_spec("shop")
        fleet.backup = fleet.ok("backup", "list", "-o", "json").json["backups"][0]["backup"]
        yield fleet


READING = [*LISTS, *NEWEST, ("tenant", "show", TENANTS[0]), ("history", TENANTS[0]),
           ("backup", "show", "BACKUP"), ("backup", "prune", "--dry-run", "--keep", "1d"),
           ("rollout", "plan", "spec.yaml"), ("bundle", "show", "example.bundle"), ("version",),
           ("lint", migrations.EXAMPLE)]


@pytest.mark.parametrize("line", READING, ids=lambda line: " ".join(map(str, line)))
def test_reading(fleet, line):
    line = [fleet.backup if word == "BACKUP" else word for word in line]
    answer = fleet.ok(*line, "-o", "json")
    documents = [json.loads(part) for part in re.split(r"(?<=^})\n", answer.out, flags=re.MULTILINE)
                 if part.strip()]
    assert documents and all(isinstance(document, dict) for document in documents), answer
    assert ESCAPE not in fleet.ok(*line, env={"TERM": "xterm-256color"}).out


def on_terminal(fleet, *line, env=None):
    """What a command writes to a terminal of its own."""
    master, slave = pty.openpty()
    config = {"TERM": "xterm-256color", "DROVER_CONFIG": fleet.folder / "drover.yaml"}
    environment = clean_environment(**{**config, **(env or {})})
    done = subprocess.Popen([program("drover"), *line], stdin=subprocess.DEVNULL, stdout=slave,
                            stderr=slave, env=environment, cwd=fleet.folder)
    os.close(slave)
    said = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # EIO: the other end is closed
            break
        if not part:
            break
        said += part
    os.close(master)
    assert done.wait(60) == 0
    return said.decode()


def test_colours_are_for_terminals_that_want_them(fleet):
    assert "NO_COLOR" not in os.environ
    assert ESCAPE in on_terminal(fleet, "rollout", "status")
    for line, env in ((("rollout", "status"), {"NO_COLOR": "1"}), (("rollout", "status",
                      "--no-color"), {}), (("rollout", "status", "-o", "json"), {}),
                      (("rollout", "status"), {"TERM": "dumb"})):
        said = on_terminal(fleet, *line, env=env)
        assert said and ESCAPE not in said


# Exit codes, each once for real.

SLOW = {"V001__slow.sql": "SELECT pg_sleep(0.5); CREATE SCHEMA {app};",
        "V001__slow.undo.sql": "DROP SCHEMA {app};",
        "V001__slow.verify.sql": "SELECT true;"}


def push(fleet, application, scripts):
    source = fleet.folder / application
    source.mkdir()
    for name, text in scripts.items():
        (source / name).write_text(text.format(app=application))
    fleet.push_bundle(source, application)
    rollouts.baseline(fleet, application=application)
    return fleet.write_spec(application, name=f"{application}.yaml", **NO_POINT)


def test_1_error_and_0_done(fleet):
    assert fleet.drover("lint", fleet.folder / "keys").code == 0
    assert fleet.drover("lint", fleet.folder / "none").code == 1


def test_2_configuration(fleet):
    assert fleet.drover("agents", "--config", "none").code == 2


def test_3_and_4_failed_and_paused(fleet):
    spec = push(fleet, "broken", {**SLOW, "V001__slow.sql": "SELECT 1 / 0;"})
    paused = fleet.drover("rollout", "start", spec, "--yes", "--wait")
    assert (paused.code, "DRV-6009" in paused.err) == (4, True), paused
    assert fleet.drover("rollout", "watch").code == 4
    fleet.ok("rollout", "stop", fleet.ok("rollout", "status", "-o", "json").json["rollout"])
    spec.write_text(spec.read_text() + "on_failure: continue\n")
    failed = fleet.drover("rollout", "start", spec, "--yes", "--wait")
    assert (failed.code, "DRV-6008" in failed.err) == (3, True), failed
    assert fleet.drover("rollout", "watch").code == 3


def test_4_nobody_to_ask(fleet):
    spec = fleet.write_spec("shop")
    before = fleet.ok("rollout", "list", "--all", "-o", "json").json
    for line in (("rollout", "start", spec), ("backup", "restore", fleet.backup, "--accept-data-loss"),
                 ("backup", "prune", "--application", "shop", "--keep", "1d")):
        answer = fleet.drover(*line)
        assert (answer.code, "DRV-1014 nobody to ask: " in answer.err) == (4, True), answer
    assert fleet.ok("rollout", "list", "--all", "-o", "json").json == before


def test_5_timed_out(fleet):
    spec = push(fleet, "slow", SLOW)
    answer = fleet.drover("rollout", "start", spec, "--yes", "--wait", "--timeout", "1ms")
    assert (answer.code, "DRV-6010" in answer.err) == (5, True), answer
    assert fleet.drover("rollout", "watch").code == 0


def test_6_unreachable(fleet):
    config = (fleet.folder / "drover.yaml").read_text()
    gone = fleet.folder / "gone.yaml"
    gone.write_text(config.replace(fleet.address, "tcp://127.0.0.1:1") + "timeout: 1s\n")
    answer = fleet.drover("agents", "--config", gone)
    assert (answer.code, "DRV-5003" in answer.err) == (6, True), answer
