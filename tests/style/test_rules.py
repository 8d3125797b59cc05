"""Every rule holds for the whole tree, and every rule fails on a bad sample of its own."""
import shutil
import subprocess

import pytest

import rules
import tree

LONG_FUNCTION = "void f(void) {\n" + "    g();\n" * 71 + "}\n"

BAD = {
    "function_length": [("common/a.c", LONG_FUNCTION)],
    "file_length": [("common/a.c", "x\n" * 601), ("tests/a.py", "x\n" * 601)],
    "layering": [("coordinator/a.c", '#include "agent/b.h"\n'),
                 ("agent/engine/a.h", '#  include "coordinator/b.h"\n'),
                 ("common/base/a.c", '#include "agent/b.h"\n'),
                 ("cli/a.c", '#include "coordinator/store/b.h"\n'),
                 ("agent/a.c", '#include "tests/unit/b.h"\n')],
    "engine_includes": [("agent/engine/a.c", "#include <time.h>\n"),
                        ("agent/engine/a.c", "#include <unistd.h>\n"),
                        ("coordinator/engine/a.c", '#include "common/base/clock.h"\n'),
                        ("coordinator/engine/a.c", '#include "common/base/log.h"\n'),
                        ("coordinator/engine/a.h", '#include "coordinator/store/b.h"\n')],
    "forbidden_words": [("a.c", "/* TO" "DO: later */"), ("a.py", "# fix it for " "now"),
                        ("a.md", "see /ho" "me/me/x"), ("a.sql", "-- a stu" "b")],
    "head_comment": [("common/a.c", "#include <a.h>\n"), ("common/a.c", "/* b.c: no */\n"),
                     ("tests/unit/a.c", "int x;\n")],
    "include_guard": [("common/a.h", "#pragma once\n"),
                      ("common/a.h", "#ifndef DROVER_A_H\n#define DROVER_B_H\n")],
    "clean_lines": [("a.c", "x \n"), ("a.c", "x"), ("a.c", "x\n\n"), ("a.c", "\tx\n"),
                    ("a.c", "x\r\n")],
}

GOOD = {
    "function_length": [("common/a.c", LONG_FUNCTION.replace("    g();\n", "", 1))],
    "file_length": [("common/a.c", "x\n" * 600)],
    "layering": [("coordinator/a.c", '#include "common/b.h"\n'),
                 ("tests/unit/a.c", '#include "agent/b.h"\n')],
    "engine_includes": [("agent/engine/a.c", '#include "agent/engine/b.h"\n#include <string.h>\n'),
                        ("agent/a.c", "#include <time.h>\n")],
    "forbidden_words": [("a.c", "/* a for nowhere, stubborn */"), ("a.c", '"/var/home/x"')],
    "head_comment": [("common/a.h", "/*\n * a.h: what it is.\n */\n"),
                     ("common/a.c", "/* a.c: see a.h. */\n"),
                     ("tests/unit/a.c", "/* What is tested. */\n")],
    "include_guard": [("common/a.h", "#ifndef DROVER_A_H\n#define DROVER_A_H\n")],
    "clean_lines": [("a.c", "x\n\ny\n"), ("CMakeLists.txt", "x\n")],
}


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_rule_can_fail(rule):
    for path, text in BAD[rule.__name__]:
        assert rule(path, text), f"{rule.__name__} passes over {path}: {text[:60]!r}"
    for path, text in GOOD[rule.__name__]:
        assert rule(path, text) == []


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule):
    found = [finding for path, text in tree.texts() for finding in rule(path, text)]
    assert found == [], "\n" + "\n".join(found)


def test_tree_is_seen():
    seen = {path for path, _ in tree.texts()}
    assert {"tests/run", "deploy/install", "common/base/error.c", "tests/style/rules.py",
            "CMakeLists.txt"} <= seen
    assert not any(path.startswith("build/") for path in seen)


def clang_format(files, cwd):
    return subprocess.run(["clang-format", "--dry-run", "-Werror", "--ferror-limit=3", *files],
                          cwd=cwd, capture_output=True, text=True, check=False)


def test_format(tmp_path):
    shutil.copy(tree.ROOT / ".clang-format", tmp_path)
    (tmp_path / "bad.c").write_text("int  f( void ){return 1;}\n")
    assert clang_format(["bad.c"], tmp_path).returncode != 0
    done = clang_format(tree.c_files(), tree.ROOT)
    assert done.returncode == 0, done.stderr[:4000]


def test_bash_reads_every_script(tmp_path):
    (tmp_path / "bad.sh").write_text("if true; then\n")
    assert subprocess.run(["bash", "-n", tmp_path / "bad.sh"], check=False,
                          capture_output=True).returncode != 0
    scripts = tree.bash_scripts()
    assert "tests/run" in scripts
    for script in scripts:
        done = subprocess.run(["bash", "-n", script], cwd=tree.ROOT, capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done.stderr
