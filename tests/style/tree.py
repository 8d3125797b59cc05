"""The project's own text files, found without git (a checkout may be an unpacked archive)."""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED_FOLDERS = {".git", "build", "__pycache__", ".cache", "seeds", "bad", "fixtures"}
TEXT_ENDINGS = (".c", ".h", ".def", ".py", ".sh", ".sql", ".cmake", ".proto", ".md", ".txt", ".json",
                ".yaml", ".yml", ".ini", ".supp")
SCRIPT_FOLDERS = ("deploy", "tests", ".ci")


def is_script(path):
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def texts():
    """(path from the root, text) of every file that rules look at."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        for name in sorted(names):
            path = Path(folder) / name
            inner = path.relative_to(ROOT).as_posix()
            if name.endswith(TEXT_ENDINGS) or (inner.startswith(SCRIPT_FOLDERS) and is_script(path)):
                yield inner, path.read_text(encoding="utf-8")


def c_files():
    return [path for path, _ in texts() if path.endswith((".c", ".h"))]


def bash_scripts():
    return [path for path, text in texts() if text.startswith("#!/usr/bin/env bash")
            or path.endswith(".sh")]
