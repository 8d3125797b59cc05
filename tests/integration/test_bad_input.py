"""What people get wrong in files: each is told by file, line and hint, and nothing has changed.

The second half of the same story, tenants and connections that are not as they should be, stands in
other files; so do command lines (test_commands.py).
"""
import os
import subprocess

import pytest

from lib import unchanged
from lib.fleet import Fleet, program, run_drover
from lib.process import clean_environment

UP, UNDO, VERIFY = "V001__a.sql", "V001__a.undo.sql", "V001__a.verify.sql"
GOOD = {UP: b"CREATE TABLE a (n int);\n", UNDO: b"DROP TABLE a;\n",
        VERIFY: b"SELECT to_regclass('a') IS NOT NULL;\n"}
PARENTHESES = b"SELECT " + b"(" * 10000 + b"1" + b")" * 10000 + b";\n"
ONE_HINT = 1


def no_controls(text):
    return all(c == "\n" or (c >= " " and not "\x7f" <= c < "\xa0") for c in text)


def assert_refused(answer, code, *says):
    """The exit code, one error with its hint, all of what must be said, and nothing that steers."""
    assert answer.code == code, answer
    said = answer.out + answer.err
    for text in says:
        assert text in said, answer
    assert answer.err.count("\nDRV-") + answer.err.startswith("DRV-") == 1, answer
    assert answer.err.count("\nHINT: ") == ONE_HINT, answer
    assert no_controls(said), answer


@pytest.fixture
def migrations(tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    for name, text in GOOD.items():
        (folder / name).write_bytes(text)
    return folder


def lint_and_build(folder, code, *says):
    """Lint and bundle build say the same, and leave no file."""
    with unchanged.files(folder.parent):
        answers = [run_drover("lint", folder),
                   run_drover("bundle", "build", folder, "--application", "shop", "--out",
                              folder.parent / "o.bundle")]
    for answer in answers:
        assert_refused(answer, code, *says)


def test_good_ones_are_taken(migrations):
    answer = run_drover("lint", migrations)
    assert (answer.code, answer.out, answer.err) == (
        0, "", "drover: 1 migration, 0 warnings, no errors\n")


# Scripts.

SCRIPTS = {
    "byte-order mark": (b"\xef\xbb\xbfSELECT 1;", "1:1: error: begins with a UTF-8 byte-order mark",
                        "[encoding]", "HINT: save the file as UTF-8 without a byte-order mark"),
    "utf-16": (b"\xff\xfeS\0E\0", "1:1: error: begins with a UTF-16 byte-order mark, not UTF-8",
               "[encoding]", "HINT: save the file as UTF-8"),
    "invalid utf-8": (b"SELECT 1;\nSELECT '\xff';", "2:9: error: byte 0xff is no valid UTF-8",
                      "    SELECT '?';\n            ^", "HINT: save the file as UTF-8"),
    "nul": (b"SELECT 1;\n\0SELECT 2;", "2:1: error: holds a NUL byte", "HINT: save the file as"),
    "psql command": (b"SELECT 1;\n  \\i other.sql\n", "2:3: error: psql meta-command '\\i'",
                     "    \\i other.sql\n      ^", "HINT: write SQL: meta-commands and :variables"),
    "psql variable": (b"SELECT :who;\n", "1:8: error: psql variable ':who;'", "HINT: write SQL"),
    "copy with data": (b"COPY a FROM stdin;\n1\n2\n\\.\nSELECT 1;",
                       "1:1: error: COPY from stdin with its data in the script",
                       "HINT: write INSERT"),
    "copy": (b"SELECT 1;\nCOPY a FROM stdin;\n", "2:1: error: COPY from stdin or to stdout",
             "HINT: write INSERT"),
    "open quote": (b"SELECT 1;\nSELECT 'it;\nSELECT 2;\n",
                   "2:8: error: unterminated quoted string at or near \"'it; \u2026\" [parses]",
                   "    SELECT 'it;\n           ^", "HINT: correct the statement"),
    "open identifier": (b'SELECT "it;\nSELECT 2;\n', "1:8: error: unterminated quoted identifier"),
    "open dollar quote": (b"DO $$ BEGIN;\nSELECT 2;\n",
                          "1:4: error: unterminated dollar-quoted string"),
    "open comment": (b"SELECT 1; /* x\nSELECT 2;\n", "1:11: error: unterminated /* comment"),
    "crlf": (b"SELECT 1;\r\nSELEC 2;\r\n", '2:1: error: syntax error at or near "SELEC"',
             "    SELEC 2;\n    ^"),
    "escape sequence": (b"SELEC '\x1b[2J\xc2\x9b2J';\n", "1:1: error: syntax error"),
    "20 MiB": (b"\n" * (20 << 20), "error: 20971520 bytes: a script has at most 16777216 [size]",
               "HINT: split the script; load rows by other means"),
    "ten thousand parentheses": (PARENTHESES, "1:10004: error: too complex to parse: nested too "
                                 "deeply or too large; split the statement"),
}


@pytest.mark.parametrize("case", SCRIPTS)
def test_script(migrations, case):
    text, place, *says = SCRIPTS[case]
    (migrations / UP).write_bytes(text)
    blank = " " if place.startswith("error") else ""
    lint_and_build(migrations, 1, f"{UP}:{blank}{place}", "DRV-2008 1 finding", *says)


def test_windows_line_ends_are_fine(migrations):
    (migrations / UP).write_bytes(b"CREATE TABLE a (n int);\r\n-- more\r\nSELECT 1;\r\n")
    assert run_drover("lint", migrations).code == 0


def test_one_bad_script_hides_no_other(migrations):
    (migrations / UP).write_bytes(PARENTHESES)
    (migrations / UNDO).write_bytes(b"SELEC;")
    (migrations / VERIFY).write_bytes(b"DELETE FROM a;")
    lint_and_build(migrations, 1, f"{UP}:1:10004:", f"{UNDO}:1:1:", f"{VERIFY}:1:1:",
                   "DRV-2008 3 findings, the first: V001__a.sql:1:10004: ")


# Versions and names.

def copy_as(migrations, stem):
    for name, text in GOOD.items():
        (migrations / name.replace("V001__a", stem)).write_bytes(text)


def test_gap(migrations):
    copy_as(migrations, "V003__b")
    lint_and_build(migrations, 1, "V003__b.sql: error: V002 is missing before V003 [version-gap]",
                   "HINT: versions start at 1 and have no gap")


def test_duplicate(migrations):
    copy_as(migrations, "V001__b")
    lint_and_build(migrations, 1, "V001__b.sql: error: V001 stands twice: V001__a.sql is it too",
                   "HINT: give one of the two files the next free number")


NAMES = {
    b"V002__a\nb.sql": r"V002__a\x0ab.sql",
    b"V002__a\x1b[31mb.sql": r"V002__a\x1b[31mb.sql",
    b"V002__a\xc2\x9bb.sql": r"V002__a\u009bb.sql",
    b"V002__\xff.sql": r"V002__\xff.sql",
    b"V002__x'y.sql": "V002__x'y.sql",
    b'V002__x"y.sql': 'V002__x"y.sql',
    b"V002__..sql": "V002__..sql",
    b"V000__x.sql": "V000__x.sql",
    b"V2__x.sql": "V2__x.sql",
    b"v002__x.sql": "v002__x.sql",
    b"V002__x.SQL": "V002__x.SQL",
}


@pytest.mark.parametrize("name", NAMES, ids=NAMES.values())
def test_odd_name(migrations, name):
    with open(os.path.join(os.fsencode(migrations), name), "wb"):
        pass
    lint_and_build(migrations, 1, f"{NAMES[name]}: error: '{NAMES[name]}'", "[file-name]",
                   "HINT: name regular files V001__what_it_does.sql")


def test_odd_names_are_in_the_json(migrations):
    for name in NAMES:
        with open(os.path.join(os.fsencode(migrations), name), "wb"):
            pass
    found = run_drover("lint", migrations, "-o", "json").json
    assert found["errors"] == len(NAMES)
    assert sorted(row["file"] for row in found["findings"]) == sorted(NAMES.values())


def test_words_of_a_new_migration_leave_no_folder(migrations):
    for words in ("../../etc/x", "a/../b", "x\ny'\x1b"):
        answer = run_drover("new", words, "--dir", migrations)
        assert answer.code == 0, answer
        assert no_controls(answer.out)
    made = sorted(path.name for path in migrations.iterdir())
    assert made == sorted([*GOOD, *(f"{stem}{kind}.sql" for stem in (
        "V002__etc_x", "V003__a_b", "V004__x_y") for kind in ("", ".undo", ".verify"))])
    assert not list(migrations.parent.glob("*.sql"))
    with unchanged.files(migrations):
        assert_refused(run_drover("new", "\u00e9!", "--dir", migrations), 1,
                       "leaves no description: use letters and digits")
        assert_refused(run_drover("new", "x", "--dir", migrations / "none"), 1, "/none: No such")
        assert_refused(run_drover("new", "x", "--dir", migrations / UP), 1, "Not a directory")


# What stands where a file is expected.

def without_override(argv):
    """The same command for one who may not read what its rights forbid, root or not."""
    if os.geteuid() != 0:
        return argv
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--", *argv]


def unreadable(*args, cwd):
    done = subprocess.run(without_override([program("drover"), *map(str, args)]), cwd=cwd,
                          env=clean_environment(), capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_directory_for_a_script(migrations):
    (migrations / "V001__a.check.sql").mkdir()
    lint_and_build(migrations, 1, "V001__a.check.sql: error: is a directory: a script is a regular",
                   "HINT: name regular files")


def test_pipe_for_a_script(migrations):
    os.mkfifo(migrations / "V001__a.check.sql")
    lint_and_build(migrations, 1, "V001__a.check.sql: error: is no regular file")


@pytest.mark.parametrize("target, says", [("nothing", "No such file or directory"),
                                          ("V001__a.check.sql", "Too many levels of symbolic")])
def test_link_to_nothing(migrations, target, says):
    (migrations / "V001__a.check.sql").symlink_to(target)
    lint_and_build(migrations, 1, f"DRV-1004 reading the directory {migrations}: cannot read "
                   f"V001__a.check.sql: {says}", "HINT: check that the path exists, its rights")


def test_link_to_a_script_is_read(migrations):
    (migrations / "V001__a.check.sql").symlink_to(VERIFY)
    assert run_drover("lint", migrations).code == 0


def test_unreadable_script(migrations):
    (migrations / UP).chmod(0)
    code, said = unreadable("lint", "m", cwd=migrations.parent)
    assert code == 1
    assert "DRV-1004 reading the directory m: cannot read V001__a.sql: Permission denied\n" in said


def test_unwritable_folder(migrations):
    migrations.chmod(0o555)
    with unchanged.files(migrations):
        code, said = unreadable("bundle", "build", "m", "-a", "shop", "--out", "m/o.bundle",
                                cwd=migrations.parent)
        assert (code, said.splitlines()[0]) == (
            1, "DRV-1004 cannot write m/o.bundle: Permission denied")
        code, said = unreadable("new", "x", "--dir", "m", cwd=migrations.parent)
        assert (code, said.splitlines()[0]) == (
            1, "DRV-1004 in the directory m: cannot make V002__x.sql: Permission denied")
    migrations.chmod(0o755)


WHERE_FILES_BELONG = {
    "lint a file": (("lint", "file"), 1, "DRV-1004 cannot open the directory file: Not a"),
    "lint nothing": (("lint", "none"), 1, "DRV-1005 cannot open the directory none: No such"),
    "lint escape": (("lint", "n\x1b[2J\nx"), 1, r"directory n\x1b[2J\x0ax: No such"),
    "build nothing": (("bundle", "build", "empty", "-a", "s", "--out", "o"), 1, "no migration in "),
    "build into a folder": (("bundle", "build", "m", "-a", "s", "--out", "empty"), 1,
                            "cannot write empty: Is a directory"),
    "build nowhere": (("bundle", "build", "m", "-a", "s", "--out", "no/o"), 1,
                      "cannot write no/o: No such file or directory"),
    "build a bad name": (("bundle", "build", "m", "-a", "S h\x1b", "--out", "o"), 1,
                         r"application 'S h\x1b': a letter, then letters, digits"),
    "show a folder": (("bundle", "show", "m"), 1, "m is no regular file"),
    "show a text": (("bundle", "show", "file"), 1, "DRV-2009 reading file: no bundle: too short"),
    "show nothing": (("bundle", "show", "none"), 1, "cannot open none: No such file"),
    "sign a text": (("bundle", "sign", "file", "--key", "file"), 1, "DRV-2009 reading file"),
    "push a text": (("bundle", "push", "file"), 1, "DRV-2009 reading file"),
    "plan a folder": (("rollout", "plan", "m"), 1, "cannot read m: Is a directory"),
    "plan nothing": (("rollout", "plan", "none"), 1, "cannot read none: No such file"),
    "plan a loop": (("rollout", "plan", "loop"), 1, "cannot read loop: Too many levels"),
    "config is a folder": (("agents", "--config", "m"), 2,
                           "DRV-1008 cannot read m: Is a directory"),
    "config is nothing": (("agents", "--config", "none"), 2,
                          "DRV-1008 cannot read none, which --config names: No such file"),
    "key over a file": (("key", "new", "file", "--kind", "release", "--name", "a"), 1,
                        "file exists; a key is never overwritten"),
    "key of a bad name": (("key", "new", "k", "--kind", "release", "--name", "a\nb"), 1,
                          r"'a\x0ab' cannot name a key"),
    "key is a folder": (("key", "show", "m", "--kind", "release"), 1, "cannot read m: Is a"),
    "key is a text": (("key", "show", "file", "--kind", "release"), 1, "DRV-5009 file:1: "),
}


@pytest.mark.parametrize("case", WHERE_FILES_BELONG)
def test_wrong_thing_for_a_file(migrations, case):
    line, code, says = WHERE_FILES_BELONG[case]
    folder = migrations.parent
    (folder / "file").write_text("no such thing at all\n")
    (folder / "file").chmod(0o600)
    (folder / "empty").mkdir()
    (folder / "loop").symlink_to("loop")
    with unchanged.files(folder):
        assert_refused(run_drover(*line, folder=folder), code, says)


# YAML, as each program reads its own.

@pytest.fixture(scope="module")
def written(folder):
    """Whole sets of files; nothing runs on them."""
    fleet = Fleet(folder / "files", {"one": [{
        "name": "main", "connection": {"host": "127.0.0.1", "user": "drover"},
        "roles": {"owner": "owner"}, "tenants": {"list": [{"database": "shop"}]}}]})
    fleet.make_files()
    fleet.write_spec("shop")
    return fleet


def run_program(name, folder, path):
    if name == "spec":
        return run_drover("rollout", "plan", path, folder=folder)
    if name == "drover":
        return run_drover("agents", "--config", path, folder=folder)
    done = subprocess.run([program(name), "--config", path], cwd=folder, env=clean_environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          check=False)
    done.stderr = done.stderr.replace(f"{name}: DRV-", "DRV-")
    return type("Answer", (), {"code": done.returncode, "out": done.stdout, "err": done.stderr})


# program: its file, what says so, a misspelt line and what is meant, a key with its type, its text
DURATION = "must be a duration such as 30s, not a list"
PROGRAMS = {
    "drover-coordinator": ("coordinator.yaml", "the coordinator's configuration", "leese: 5s",
                           "lease", "clock_skew_max", DURATION),
    "drover-agent": ("one.yaml", "the agent's configuration", "stat: here", "state",
                     "reconnect_max", DURATION),
    "drover": ("drover.yaml", "the operator's configuration", "timeot: 3s", "timeout", "timeout",
               DURATION),
    "spec": ("spec.yaml", "the rollout spec", "wavs: []", "waves", "attempts",
             "must be a whole number, not a list"),
}


def refused_yaml(written, name, text, *says):
    path = written.folder / f"bad-{PROGRAMS[name][0]}"
    path.write_text(text)
    with unchanged.files(written.folder):
        answer = run_program(name, written.folder, path.name)
    path.unlink()
    code, exit_code = ("DRV-6006", 1) if name == "spec" else ("DRV-1009", 2)
    assert_refused(answer, exit_code, code, *(say.replace("FILE", path.name) for say in says))


def text_of(written, name):
    text = (written.folder / PROGRAMS[name][0]).read_text()
    return text, text.count("\n") + 1


@pytest.mark.parametrize("name", PROGRAMS)
def test_unknown_key(written, name):
    _, what, line, meant, *_ = PROGRAMS[name]
    text, last = text_of(written, name)
    key = line.split(":")[0]
    refused_yaml(written, name, text + line + "\n",
                 f"FILE:{last}:1: error: unknown key '{key}' in {what}; did you mean '{meant}'?\n",
                 f"  | {line}\n  | ^\n", "HINT: correct the line shown; docs/")


@pytest.mark.parametrize("name", PROGRAMS)
def test_wrong_type(written, name):
    _, _, _, _, key, says = PROGRAMS[name]
    text, _ = text_of(written, name)
    kept = [line for line in text.splitlines() if not line.startswith(f"{key}:")]
    refused_yaml(written, name, "\n".join([*kept, f"{key}: [5]"]) + "\n",
                 f"FILE:{len(kept) + 1}:{len(key) + 3}: error: '{key}' {says}\n")


@pytest.mark.parametrize("name", PROGRAMS)
def test_duplicate_key(written, name):
    text, last = text_of(written, name)
    key = text.split(":")[0]
    refused_yaml(written, name, text + f"{key}: again\n",
                 f"FILE:{last}:1: error: key '{key}' stands here twice, first in line 1\n")


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("text", ["", "# a comment\n\n", "---\n"])
def test_empty_file(written, name, text):
    refused_yaml(written, name, text, "FILE: error: the file is empty\n")


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_yaml(written, name):
    text, last = text_of(written, name)
    refused_yaml(written, name, text + "more: [1, 2\n", "FILE:", "no valid YAML")
    refused_yaml(written, name, text + "more: \x1b[2J\n", "FILE:", f":{last}:")
