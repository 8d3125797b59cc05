"""The engines are pure: what their archives want from outside is on a short list.

DROVER_PURE_LIBRARIES and DROVER_ENGINE_LIBRARIES name the archives, as CMake built them.
"""
import os
import subprocess
from pathlib import Path

# Plain memory and text of the C library: no clock, no file, no socket, no chance, no locale that
# anybody sets. Heap is allowed: tables of tasks grow.
PLAIN = {
    "memcpy", "memmove", "memset", "memcmp", "strlen", "strnlen", "strcmp", "strdup", "malloc",
    "calloc", "realloc", "free", "snprintf", "vsnprintf", "abort",
    "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail",
}
# Only base_pure: the last words of a broken invariant, and error_print, which no engine may call.
LAST_WORDS = {"fprintf", "fwrite", "fputc", "stderr"}
NOT_FOR_ENGINES = {"error_print"}


def symbols(archive, *options):
    done = subprocess.run(["nm", "--format=posix", *options, str(archive)], capture_output=True,
                          text=True, check=True)
    return {line.split()[0] for line in done.stdout.splitlines()
            if line and not line.endswith(":")}


def wanted(archive):
    return symbols(archive, "--undefined-only") - symbols(archive, "--defined-only")


def archives(variable):
    return [Path(name) for name in os.environ[variable].split(":") if name]


def impure(engine, pure_archives):
    """What an engine's archive wants that is neither plain C nor defined in a pure archive."""
    allowed = set(PLAIN)
    for archive in pure_archives:
        allowed |= symbols(archive, "--defined-only", "--extern-only")
    return wanted(engine) - (allowed - NOT_FOR_ENGINES)


def test_base_pure():
    pure = archives("DROVER_PURE_LIBRARIES")
    assert pure
    defined = set().union(*(symbols(a, "--defined-only", "--extern-only") for a in pure))
    for archive in pure:
        assert wanted(archive) - defined - PLAIN - LAST_WORDS == set(), archive


def test_engines():
    for engine in archives("DROVER_ENGINE_LIBRARIES"):
        assert impure(engine, archives("DROVER_PURE_LIBRARIES")) == set(), engine


def compile_archive(folder, name, text):
    (folder / f"{name}.c").write_text(text)
    subprocess.run(["gcc", "-c", f"{name}.c", "-o", f"{name}.o"], cwd=folder, check=True)
    subprocess.run(["ar", "rc", f"lib{name}.a", f"{name}.o"], cwd=folder, check=True)
    return folder / f"lib{name}.a"


def test_impurity_is_seen(tmp_path):
    pure = archives("DROVER_PURE_LIBRARIES")
    clock = compile_archive(tmp_path, "clock", "#include <time.h>\nlong f(void) { return time(0); }")
    assert impure(clock, pure) == {"time"}
    speak = compile_archive(tmp_path, "speak", "void error_print(void*, char*);\n"
                                               "void f(void) { error_print(0, 0); }")
    assert impure(speak, pure) == {"error_print"}
    fine = compile_archive(tmp_path, "fine", "#include <string.h>\n"
                                             "int g(char *a, char *b) { return strcmp(a, b); }\n"
                                             "int f(char *a) { return g(a, a); }")
    assert impure(fine, pure) == set()
