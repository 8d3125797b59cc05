"""Recovery points that cannot be taken, and backups that were damaged: refused, nothing changed.

Judged by what stands: lib/recovery.py, lib/effects.py.
"""
import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from lib import effects, rollouts
from lib.recovery import (COUNT, DUMP, assert_nothing_beside, assert_one_point, failure, files,
                          go_on, ledger, listed, open_fleet, store)

DISK_FULL, BACKUP_TOOL, BACKUP_CORRUPT, SIGNATURE = "DRV-1012", "DRV-4001", "DRV-4003", "DRV-5005"
LIMIT_BYTES = 512 * 1024  # less than a tenant's dump, more than an agent's own files
FRESH = ["fresh0", "fresh1", "fresh2"]
STOOD = [f"stood{n}" for n in range(9)]


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    with open_fleet(folder, postgres, FRESH, STOOD) as fleet:
        yield fleet


@pytest.fixture(autouse=True)
def agent_is_back(fleet):
    """As it was, whatever a test that failed left."""
    yield
    if not fleet.agents["one"].is_running():
        fleet.write_agent("one")
        fleet.start_agent("one")


def assert_pauses(fleet, postgres, name, rollout):
    """The rollout pauses as its policy says, and tenant, ledger and store are as they were."""
    rollouts.assert_ends(fleet, rollout, "paused")
    assert files(fleet, name) == [] and listed(fleet, name) == []
    assert effects.traces(postgres, name) == []
    assert [row[1] for row in ledger(postgres, name)] == ["baseline"]
    assert_nothing_beside(postgres)
    return failure(fleet, rollout)


def tools(fleet, pg_dump=None):
    """A folder of PostgreSQL's programs of the server's major, where pg_dump is a script."""
    folder = fleet.folder / "tools"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o755)
    if pg_dump is not None:
        (folder / "pg_dump").write_text(f"#!/bin/sh\n{pg_dump}")
        (folder / "pg_dump").chmod(0o755)
    return folder


def with_tools(fleet, postgres, folder):
    major = str(postgres.value("SHOW server_version_num"))[:2]
    fleet.agents["one"].stop()
    fleet.write_agent("one", tools={major: folder} if folder else None)
    return major


@pytest.mark.parametrize("script, words", [
    (None, "cannot run {folder}/pg_dump: No such file or directory"),
    ("echo 'pg_dump (PostgreSQL) 11.22'\n",
     "{folder}/pg_dump is of major 11, the server is of major {major}"),
])
def test_pg_dump_unfit(fleet, postgres, script, words):
    name = next(fleet.fresh)
    folder = tools(fleet, script)
    major = with_tools(fleet, postgres, folder)
    fleet.start_agent("one")
    rollout = rollouts.start(fleet, fleet.write_spec("chain", select=f"name={name}", **DUMP))
    task = assert_pauses(fleet, postgres, name, rollout)
    assert task["code"] == BACKUP_TOOL
    assert words.format(folder=folder, major=major) in task["error"]
    assert "agent.yaml" in task["hint"]
    with_tools(fleet, postgres, None)
    fleet.start_agent("one")
    go_on(fleet, rollout)
    effects.assert_applied_once(postgres, name, COUNT)
    assert_one_point(fleet, postgres, name)


def mount_small(folder):
    """A small disk of its own at this folder; False where we may not mount one."""
    if os.geteuid() != 0:
        return False
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=700", "none", str(folder)],
                          capture_output=True, check=False)
    return done.returncode == 0


def fill(fleet, postgres, backups):
    """A pg_dump that first takes all the room there is left: somebody else's file did."""
    ballast = f"dd if=/dev/zero of={backups}/ballast bs=1M 2>/dev/null"
    folder = tools(fleet, f'[ $1 = --version ] || {ballast}\n'
                          f'exec {postgres.programs}/pg_dump "$@"\n')
    os.symlink(Path(postgres.programs) / "pg_restore", folder / "pg_restore")
    with_tools(fleet, postgres, folder)
    fleet.start_agent("one")


def test_disk_full(fleet, postgres):
    """The room is there when the dump begins, and gone when it is written. Where no disk can be
    mounted, a limit on the size of files fails the write in the same place."""
    name = next(fleet.fresh)
    backups = fleet.folder / "one" / "backups"
    fleet.agents["one"].stop()
    mounted = mount_small(backups)
    try:
        if mounted:
            fill(fleet, postgres, backups)
        else:
            agent = fleet.start_agent("one")
            resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))
        spec = fleet.write_spec("chain", select=f"name={name}", attempts=1, **DUMP)
        rollout = rollouts.start(fleet, spec)
        task = assert_pauses(fleet, postgres, name, rollout)
        assert task["code"] == DISK_FULL
        assert f"cannot write {backups}/" in task["error"]
        assert "free room" in task["hint"]
    finally:
        fleet.agents["one"].stop()
        if mounted:
            subprocess.run(["umount", str(backups)], check=True)
    with_tools(fleet, postgres, None)
    fleet.start_agent("one")
    go_on(fleet, rollout)
    effects.assert_applied_once(postgres, name, COUNT)
    assert_one_point(fleet, postgres, name)


# Damaged backups.


def flip(data, _):
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)


def cut(data, _):
    os.truncate(data, data.stat().st_size - 1)


def cut_a_chunk(data, _):
    """Of the right size again, so that only its content can tell."""
    size = data.stat().st_size
    os.truncate(data, size - 4096)
    os.truncate(data, size)


def swap_file(data, other):
    """Of the size that its manifest says, where the two differ."""
    size = data.stat().st_size
    data.write_bytes(other.read_bytes())
    os.truncate(data, size)


def swap_both(data, other):
    """Another tenant's backup, whole and signed, under this one's name."""
    data.write_bytes(other.read_bytes())
    data.with_suffix(".manifest").write_bytes(other.with_suffix(".manifest").read_bytes())


def edit_manifest(data, _):
    path = data.with_suffix(".manifest")
    path.write_bytes(path.read_bytes().replace(b'"chain"', b'"chaim"'))


def remove(data, _):
    data.unlink()


@pytest.mark.parametrize("damage, code, said", [
    (flip, BACKUP_CORRUPT, "chunk 1 does not open: it was changed, moved or cut"),
    (cut, BACKUP_CORRUPT, "bytes, its manifest says"),
    (cut_a_chunk, BACKUP_CORRUPT, "does not open: it was changed, moved or cut"),
    (swap_file, BACKUP_CORRUPT, "the header names another backup or tenant"),
    (swap_both, BACKUP_CORRUPT, "is the manifest of another file"),
    (edit_manifest, SIGNATURE, "the manifest was changed after it was signed"),
    (remove, BACKUP_CORRUPT, "{file}.dbk is gone: No such file or directory"),
])
def test_damaged_backup(fleet, postgres, damage, code, said):
    name = next(fleet.stood)
    (backup,) = listed(fleet, name)
    (data,) = store(fleet, name).glob("*.dbk")
    (other,) = store(fleet, STOOD[-1]).glob("*.dbk")
    damage(data, other)
    before = ledger(postgres, name)
    databases = postgres.databases()
    for words in (["check", backup["backup"]],
                  ["restore", backup["backup"], "--accept-data-loss", "--yes"]):
        answer = fleet.drover("backup", *words, "--wait", "-o", "json")
        assert answer.code != 0, answer
        task = failure(fleet, answer.json["rollout"])
        assert task["code"] == code and said.format(file=data.stem) in task["error"], task
        assert task["hint"]
    assert ledger(postgres, name) == before
    assert postgres.databases() == databases
    effects.assert_applied_once(postgres, name, COUNT)
    assert postgres.value("SELECT datallowconn AND datconnlimit <> 0 FROM pg_database"
                          " WHERE datname = %s", values=(name,))


def test_dry_run_of_what(fleet):
    """Each agent's own retention is not known here: an empty list would say that nothing goes."""
    answer = fleet.drover("backup", "prune", "--dry-run")
    assert answer.code == 2 and answer.out == "", answer
    assert "--dry-run: needs --keep, --keep-count or both" in answer.err
    assert "no backup is past what is kept" in fleet.ok("backup", "prune", "--dry-run", "--keep",
                                                        "1d").err


def test_what_was_pruned_is_listed_no_more(fleet):
    """The catalog learns of each that is gone, and of no other."""
    name = next(fleet.stood)
    fleet.ok("backup", "create", "--tenant", name, "--wait")
    newest, oldest = listed(fleet, name)
    fleet.ok("backup", "prune", "--select", f"name={name}", "--keep", "1ms", "--keep-count", "1",
             "--yes", "--wait")
    assert files(fleet, name) == [".dbk", ".manifest"]
    assert [row["backup"] for row in listed(fleet, name)] == [newest["backup"]]
    every = fleet.ok("backup", "list", name, "--pruned", "-o", "json").json["backups"]
    assert {row["backup"]: row["pruned_us"] > 0 for row in every} == {
        newest["backup"]: False, oldest["backup"]: True}
