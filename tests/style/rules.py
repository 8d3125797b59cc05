"""House rules that a machine can see. Each rule takes a path and a text and answers findings.

Pure: tree.py finds the files, test_rules.py runs every rule on the tree and on a bad sample of its
own, so that each is seen to fail.
"""
import re

FUNCTION_LINES = 70
FILE_LINES = 600
C_FILES = (".c", ".h")
LINE_COMMENT = re.compile(r"#.*")

# Who may include whom, by the first words of a path: what is not listed is not looked at.
FORBIDDEN_INCLUDES = (
    ("common/", ("coordinator/", "agent/", "cli/", "tests/"), "common/ knows neither side"),
    ("proto/", ("coordinator/", "agent/", "cli/", "tests/"), "proto/ knows neither side"),
    ("coordinator/", ("agent/", "cli/", "tests/"), "the coordinator never includes the agent"),
    ("agent/", ("coordinator/", "cli/", "tests/"), "the agent never includes the coordinator"),
    ("cli/", ("coordinator/", "agent/", "tests/"), "the command talks over the wire only"),
)

# The engines' headers of ours: their own room, and what is pure in common/base.
ENGINE_ROOMS = ("coordinator/engine/", "agent/engine/")
PURE_HEADERS = {f"common/base/{name}.h" for name in (
    "status", "error", "ident", "digest", "buffer", "backoff", "table", "limits", "cleanup")}
PURE_SYSTEM_HEADERS = {f"{name}.h" for name in (
    "assert", "inttypes", "limits", "stdalign", "stdarg", "stdbool", "stddef", "stdint", "stdio",
    "stdlib", "string", "uthash", "utlist")}

# Words of unfinished work, and paths of one machine. Spelt in parts: this file is looked at too.
FORBIDDEN_WORDS = re.compile(
    r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"
    r"|\b(?i:for " r"now|stu" r"bs?|placehol" r"ders?|not imple" r"mented)\b"
    r"|(?<![\w.])/(ho" r"me|ro" r"ot|wo" r"rk|Us" r"ers)/\w")


def function_length(path, text):
    """No function of more than FUNCTION_LINES lines between its braces."""
    if not path.endswith(C_FILES):
        return []
    found = []
    start = None
    for number, line in enumerate(text.split("\n"), 1):
        opens = line == "{" or (
            line.endswith("{") and "(" in line and not line[0].isspace()
            and not line.startswith(("typedef", "struct", "enum", "union", "#", "extern")))
        if opens and "= {" not in line:
            start = number
        elif line == "}" and start is not None:
            length = number - start - 1
            if length > FUNCTION_LINES:
                found.append(f"{path}:{start}: a function of {length} lines")
            start = None
    return found


def file_length(path, text):
    """No file of more than FILE_LINES lines."""
    lines = text.count("\n")
    if path.endswith((*C_FILES, ".py", ".sh", ".cmake")) and lines > FILE_LINES:
        return [f"{path}:1: a file of {lines} lines"]
    return []


def includes(text):
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if match:
            yield number, match.group(1) == "<", match.group(2)


def layering(path, text):
    """The arrows run one way."""
    if not path.endswith(C_FILES):
        return []
    found = []
    for room, others, why in FORBIDDEN_INCLUDES:
        if path.startswith(room):
            found += [f"{path}:{number}: includes {name}: {why}"
                      for number, _, name in includes(text) if name.startswith(others)]
    return found


def engine_includes(path, text):
    """An engine includes itself, the pure parts of common/base and plain C."""
    room = next((r for r in ENGINE_ROOMS if path.startswith(r)), None)
    if room is None or not path.endswith(C_FILES):
        return []
    found = []
    for number, system, name in includes(text):
        pure = name in PURE_SYSTEM_HEADERS if system else (
            name.startswith(room) or name in PURE_HEADERS)
        if not pure:
            found.append(f"{path}:{number}: an engine includes {name}")
    return found


def forbidden_words(path, text):
    """Nothing unfinished is announced, and no machine's paths stand in a file."""
    return [f"{path}:{number}: '{match.group(0)}'"
            for number, line in enumerate(text.split("\n"), 1)
            for match in FORBIDDEN_WORDS.finditer(line)]


def head_comment(path, text):
    """A C file opens with a comment that names it; a test's comment may say just what it tests."""
    if not path.endswith(C_FILES):
        return []
    name = path.rsplit("/", 1)[-1]
    if path.startswith("tests/"):
        return [] if text.startswith("/*") else [f"{path}:1: opens without a comment"]
    if not re.match(rf"/\*\s*(\* )?{re.escape(name)}: ", text):
        return [f"{path}:1: does not open with a comment '{name}: …'"]
    return []


def include_guard(path, text):
    """A header is guarded by a name made of its path."""
    if not path.endswith(".h"):
        return []
    match = re.search(r"^#ifndef (\w+)\n#define (\w+)$", text, re.MULTILINE)
    if not match or match.group(1) != match.group(2) or not match.group(1).startswith("DROVER_"):
        return [f"{path}:1: no include guard DROVER_…_H"]
    return []


def clean_lines(path, text):
    """Lines end without blanks, files end with one line break, and none has tabs or CRs."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            found.append(f"{path}:{number}: blanks at the end of the line")
        if "\t" in line and path.endswith((*C_FILES, ".py", ".sql", ".sh")):
            found.append(f"{path}:{number}: a tab")
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        found.append(f"{path}: does not end with one line break")
    return found


RULES = (function_length, file_length, layering, engine_includes, forbidden_words, head_comment,
         include_guard, clean_lines)
