"""The documentation is true: what it shows is read by the programs themselves.

YAML is loaded by the real loader, command lines are parsed by the real command tree, links resolve,
the keys of every configuration file are those of the program's tables, and the quick start is run
as it stands, against a server of the test's own.
"""
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from lib import markdown, schema
from lib.fleet import program, run_drover
from lib.migrations import ROOT
from lib.postgres import Postgres, free_port
from lib.process import clean_environment

DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "proto" / "PROTOCOL.md",
                *DOCS.glob("*.md"), *DOCS.glob("spikes/*.md")])
GENERATED = ("CHECKS.md", "CLI.md", "ERRORS.md", "RULES.md", "STATES.md")
WRITTEN = [page for page in PAGES if page.name not in GENERATED]
QUICK_START_S = 240  # a net: it takes some twenty seconds
SHELL = ("sh", "console", "")


def name_of(page):
    return str(page.relative_to(ROOT))


def text_of(page):
    return page.read_text(encoding="utf-8")


# YAML

def yaml_blocks():
    return [pytest.param(page, block, id=f"{name_of(page)}:{block.line}")
            for page in WRITTEN for block in markdown.blocks(text_of(page))
            if block.language == "yaml"]


def check_config(kind, path):
    return subprocess.run([program("check_config"), kind, str(path)], env=clean_environment(),
                          capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("page, block", yaml_blocks())
def test_yaml_is_what_the_programs_read(page, block, tmp_path):
    head = re.match(r"# (coordinator|agent|drover|rollout|policy)\.yaml\n", block.text)
    assert head, f"{name_of(page)}:{block.line}: the first line must say which file it is"
    path = tmp_path / "file.yaml"
    path.write_text(block.text)
    done = check_config(head.group(1), path)
    assert done.returncode == 0, f"{name_of(page)}:{block.line}\n{done.stderr}"


def test_a_wrong_key_would_be_noticed(tmp_path):
    path = tmp_path / "file.yaml"
    path.write_text("bundle: shop\nselect: all\nwave: []\n")
    done = check_config("rollout", path)
    assert done.returncode == 1
    assert "wave" in done.stderr


# Commands

def logical_lines(text):
    return text.replace("\\\n", " ").split("\n")


def shell_words(line):
    """The words of the first simple command, without redirections; None where it is not drover."""
    line = re.sub(r"^\s*\$ ", "", line.strip())
    if not line.startswith("drover "):
        return None
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words = []
    for word in lexer:
        if set(word) <= set("();<>|&"):
            if words[-1].isdigit() and word.startswith(">"):
                words.pop()  # the descriptor of 2>
            break
        words.append(word)
    return words[1:]


def command_lines():
    return [pytest.param(line, id=f"{name_of(page)}: {line.strip()}")
            for page in WRITTEN for block in markdown.blocks(text_of(page))
            if block.language in SHELL for line in logical_lines(block.text)
            if shell_words(line) is not None]


@pytest.mark.parametrize("line", command_lines())
def test_command_lines_parse(line, tmp_path):
    """Parsed for real: what fails is the missing configuration or file, never the usage."""
    answer = run_drover(*shell_words(line), config=tmp_path / "none.yaml", folder=tmp_path)
    assert "DRV-1001" not in answer.err, answer


def test_a_wrong_flag_would_be_noticed(tmp_path):
    answer = run_drover("rollout", "start", "x.yaml", "--wiat", config=tmp_path / "none.yaml",
                        folder=tmp_path)
    assert "DRV-1001" in answer.err


def spoken_commands():
    """Commands in running text may be cut short: their words and flags must exist."""
    return sorted({span for page in WRITTEN for span in markdown.code(text_of(page))
                   if span.startswith("drover ")})


@pytest.mark.parametrize("span", spoken_commands())
def test_commands_in_prose_exist(span, tmp_path):
    words = shlex.split(span)[1:]
    commands = [word for word in words if re.fullmatch(r"[a-z]+", word)][:2]
    answer = run_drover(*commands, "--help", config=tmp_path / "none.yaml", folder=tmp_path)
    if answer.code != 0:  # the second word was an argument
        answer = run_drover(commands[0], "--help", config=tmp_path / "none.yaml", folder=tmp_path)
    assert answer.code == 0, answer
    for flag in (word for word in words if word.startswith("--")):
        assert re.search(rf"{flag}\b", answer.out), f"{span}: no flag {flag}"


# SQL

def sql_blocks(name):
    return [block for block in markdown.blocks(text_of(DOCS / name)) if block.language == "sql"]


SCRIPTS = [pytest.param(block.text, id=f"writing-migrations.md:{block.line}")
           for block in sql_blocks("writing-migrations.md")]


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_pass_lint(script, tmp_path):
    """As a change, or as its verify script where it asks: the linter has nothing to say."""
    asks = script.startswith("SELECT")
    files = {"sql": "SELECT 1;" if asks else script, "undo.sql": "SELECT 1;",
             "verify.sql": script if asks else "SELECT true;"}
    for suffix, text in files.items():
        (tmp_path / f"V001__shown.{suffix}").write_text(text)
    answer = run_drover("lint", str(tmp_path), folder=tmp_path)
    assert answer.code == 0 and "0 warnings" in answer.err, answer


def test_sql_for_the_server_runs(bare_postgres):
    """The roles in their order, as a superuser; then what the night page asks a cluster and a
    tenant. What it drops is only a name."""
    bare_postgres.run("CREATE ROLE app_owner")
    bare_postgres.run("CREATE DATABASE app_acme OWNER app_owner")
    roles = sql_blocks("configuration.md")
    assert len(roles) == 3
    for block in roles:
        bare_postgres.run(block.text)
    assert bare_postgres.value("SELECT has_database_privilege('drover', 'app_acme', 'CREATE')")
    bare_postgres.run(text_of(ROOT / "migrations" / "tenant" / "0001_ledger.sql"), "app_acme")
    for block in sql_blocks("rollback-and-recovery.md"):
        asked = re.sub(r"^DROP DATABASE .*;$", "", block.text, flags=re.MULTILINE)
        assert bare_postgres.run(asked, "app_acme") == []


# Links

@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_resolve(page):
    broken = []
    for link in markdown.links(text_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or not target.is_relative_to(ROOT):
            broken.append(link)
        elif anchor and anchor not in markdown.anchors(text_of(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_in_the_index():
    linked = {link.split("#")[0] for link in markdown.links(text_of(DOCS / "README.md"))}
    assert {page.name for page in DOCS.glob("*.md")} - {"README.md"} <= linked


def test_hints_name_pages_that_exist():
    hints = re.findall(r"docs/[\w-]+\.md", text_of(ROOT / "common" / "base" / "errors.def"))
    assert hints
    assert [hint for hint in hints if not (ROOT / hint).exists()] == []


# What the security page cites

CITED = re.compile(r"([\w/]+\.(?:py|c))(?:::(\w+)(?:\[([\w-]+)\])?)?")


def citations():
    return sorted({span for span in markdown.code(text_of(DOCS / "SECURITY.md"))
                   if CITED.fullmatch(span)})


@pytest.mark.parametrize("span", citations())
def test_security_cites_tests_that_exist(span):
    name, test, case = CITED.fullmatch(span).groups()
    folder = ROOT / "tests" / ("integration" if name.endswith(".py") else "unit")
    source = text_of(folder / name)
    assert test is None or re.search(rf"\b(def|void) {test}\(", source), span
    assert case is None or f'"{case}"' in source, span


def test_security_cites_checks_that_exist():
    rows = "".join(text_of(ROOT / "common" / name) for name in ("trust/checks.def",
                                                                "base/errors.def"))
    named = set(re.findall(r"^X\((\w+),", rows, re.MULTILINE))
    cited = {span for span in markdown.code(text_of(DOCS / "SECURITY.md"))
             if re.fullmatch(r"[A-Z][A-Z_]+", span)}
    assert len(cited) > 30 and cited - named == set()


# Configuration keys

TABLES = [("coordinator_config.c", DOCS / "configuration.md", "coordinator.yaml"),
          ("agent_config.c", DOCS / "configuration.md", "agent.yaml"),
          ("policy_config.c", DOCS / "configuration.md", "policy.yaml"),
          ("cli_config.c", DOCS / "configuration.md", "drover.yaml"),
          ("rollout_spec.c", DOCS / "rollouts.md", "The spec")]


@pytest.mark.parametrize("source, page, title", TABLES, ids=[row[0] for row in TABLES])
def test_keys_are_those_of_the_tables(source, page, title):
    """Each key stands in its table once, with its type, its bounds and its default."""
    limits = text_of(ROOT / "common" / "base" / "limits.h")
    keys = schema.read(text_of(ROOT / "common" / "config" / source), limits)
    cells = [row for row in markdown.rows(markdown.section(text_of(page), title))
             if row[0].startswith("`") and len(row) == 5]
    assert sorted(row[0].strip("`") for row in cells) == sorted(keys)
    for name, kind, bounds, default, meaning in cells:
        key = keys[name.strip("`")]
        assert (kind, bounds) == (key.kind, key.bounds), name
        if key.default:
            assert default == key.default, name
        else:  # what follows from something else is said in words
            assert not default.startswith("`"), name
        assert meaning, name


def test_words_are_listed():
    """Every word of an enum stands in the row of its key."""
    rows = {row[0]: row[-1] + row[-2] for page in ("configuration.md", "rollouts.md")
            for row in markdown.rows(text_of(DOCS / page)) if len(row) == 5}
    for key, words in (("`log_level`", ("debug", "info", "warning", "error")),
                       ("`output`", ("table", "json")),
                       ("`on_failure`", ("pause", "rollback_wave", "continue")),
                       ("`unreachable`", ("wait", "skip", "count")),
                       ("`recovery_point.policy`", ("dump", "external", "none")),
                       ("`minimum_recovery`", ("dump", "external", "none")),
                       ("`kinds`", ("forward", "undo", "restore", "baseline", "backup", "prune",
                                    "look")),
                       ("`windows[].days`", ("mon", "tue", "wed", "thu", "fri", "sat", "sun")),
                       ("`recovery_point.trial_restore`", ("canary", "sample", "all", "never"))):
        assert [word for word in words if f"`{word}`" not in rows[key]] == [], key


def test_directives_are_those_of_the_table():
    source = text_of(ROOT / "common" / "migration" / "directive.c")
    table = re.search(r"static const directive_key_t \w+\[\] = \{(.*?)\n\};", source, re.DOTALL)
    known = set(re.findall(r'\{"(\w+)"', table.group(1)))
    section = markdown.section(text_of(DOCS / "writing-migrations.md"), "Directives")
    assert {re.match(r"`(\w+)=", row[0]).group(1) for row in markdown.rows(section)
            if row[0].startswith("`")} == known


# The quick start

SETUP = """\
export PGHOST=/run/postgresql PGPORT=5432 PGUSER=postgres
checkout=$PWD
"""
PORT = "tcp://127.0.0.1:7707"


def plain(line):
    """A line of output without what differs from run to run: widths, ages, sizes."""
    line = re.sub(r"\b\d+(\.\d+)? ?(ms|s|m|B|KiB|MiB)\b", "N", line)
    return " ".join(line.split())


def shown_lines():
    """What the quick start says that commands answer."""
    return [plain(line) for block in markdown.blocks(text_of(DOCS / "quick-start.md"))
            if block.language == "text" for line in block.text.splitlines()]


def quick_start_script(postgres):
    """Its sh blocks in their order, as one script; only where the server is, is ours."""
    steps = [block.text for block in markdown.blocks(text_of(DOCS / "quick-start.md"))
             if block.language == "sh"]
    assert steps[0] == SETUP, "the quick start's first step says where server and checkout are"
    ours = (f"export PGHOST={postgres.socket_folder} PGPORT={postgres.port} PGUSER=postgres\n"
            f"checkout={shlex.quote(str(ROOT))}\n")
    script = "\n".join([ours, *steps[1:]])
    return script.replace(PORT, f"tcp://127.0.0.1:{free_port()}")


@pytest.fixture
def bare_postgres(folder):
    """A cluster without any role of ours: making them is what the quick start shows."""
    with Postgres(folder, "bare") as server:
        yield server


def run_script(script, **options):
    """Run it with bash in a session of its own; whatever it leaves behind ends with it."""
    child = subprocess.Popen(["bash", "-c", script], stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                             start_new_session=True, **options)
    try:
        said, _ = child.communicate(timeout=QUICK_START_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        said, _ = child.communicate()
        said += f"\n(killed after {QUICK_START_S} s)"
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return child.returncode, said


def test_quick_start_is_run_as_it_stands(bare_postgres, folder):
    home = Path(folder) / "home"
    home.mkdir()
    path = f"{os.environ['DROVER_BIN_DIR']}:{bare_postgres.programs}:{os.environ['PATH']}"
    code, said = run_script(
        "set -xeEo pipefail\ntrap 'tail coordinator.log agent.log; kill $(jobs -p)' ERR\n"
        + quick_start_script(bare_postgres),
        cwd=folder, env=clean_environment(HOME=str(home), PATH=path))
    assert code == 0, said
    assert re.search(r"^exit code 4$", said, re.MULTILINE), said
    assert "[23505]" in said, said
    lines = {plain(line) for line in said.splitlines()}
    assert shown_lines()
    assert [line for line in shown_lines() if line not in lines] == [], said
    assert bare_postgres.databases() == ["postgres"]
    assert list(home.iterdir()) == []
