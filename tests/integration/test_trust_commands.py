"""drover key and drover trust with real files: the ceremony of docs/trust.md, a root key that was
lost, a revocation, external commands, and passphrases that no other process can see.
"""
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from lib import markdown, migrations, signer
from lib.fleet import program, run_drover
from lib.migrations import ROOT
from lib.process import clean_environment

CANARY = "canary-Zq7-passphrase"
GUIDE = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")


class Room:
    """A folder and the commands that run in it."""

    def __init__(self, folder):
        self.folder = folder

    def __truediv__(self, name):
        return self.folder / name

    def run(self, *line):
        return run_drover(*line, folder=self.folder, config=self.folder / "none.yaml")

    def ok(self, *line):
        answer = self.run(*line)
        assert answer.code == 0, answer
        return answer

    def refused(self, code, *line, exit_code=1):
        before = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        answer = self.run(*line)
        assert answer.code == exit_code, answer
        assert answer.err.splitlines()[-1].startswith(("HINT: ", "usage: ")), answer
        assert re.search(rf"^{code} ", answer.err, re.MULTILINE), answer
        after = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        assert after == before, "a refused command left something behind"
        return answer

    def key(self, kind, name, extra=""):
        path = f"{name}{extra}.{kind}"
        self.ok("key", "new", path, "--kind", kind, "--name", name, "--no-passphrase")
        return path

    def show(self, *line):
        return self.ok("trust", "show", *line, "-o", "json").json

    def sign(self, file, key, *line):
        return self.ok("trust", "sign", file, "--key", key, "--yes", *line)


@pytest.fixture
def room(tmp_path):
    return Room(tmp_path)


@pytest.fixture
def team(room):
    """Three root holders of whom two sign, as the guide's spec says; version 1 complete."""
    for name in ("alice", "bob", "carol"):
        room.key("root", name)
        room.key("operator", name)
    room.key("release", "ci")
    room.key("coordinator", "coordinator")
    spec = next(block.text for block in markdown.blocks(GUIDE)
                if block.text.startswith("# trust.yaml"))
    (room / "trust.yaml").write_text(spec)
    room.ok("trust", "init", "trust.yaml", "--out", "v1.trust")
    room.sign("v1.trust", "alice.root")
    room.sign("v1.trust", "bob.root")
    return room


def names(document, **what):
    return [key["name"] for key in document["keys"]
            if all(key[field] == value for field, value in what.items())]


# The ceremony

def test_two_of_three_sign(team):
    room = team
    first = room.show("v1.trust")
    assert first["complete"] and first["version"] == 1 and first["root_threshold"] == 2
    assert first["roots"] == [{"version": 1, "signed": 2, "needed": 2, "missing": ["carol"]}]
    assert names(first, use="root") == ["alice", "bob", "carol"]
    assert first["freshness"] == "fresh"

    room.ok("trust", "init", "trust.yaml", "--out", "other.trust")
    assert (room / "other.trust").read_bytes().startswith(b"drover unsigned\n")
    draft = room.show("other.trust")
    assert not draft["complete"] and draft["signatures"] == []
    room.refused("DRV-7001", "trust", "verify", "--pin", "other.trust")  # a draft is no document
    room.sign("other.trust", "alice.root")
    assert room.show("other.trust")["roots"][0]["missing"] == ["bob", "carol"]
    room.refused("DRV-7011", "trust", "verify", "--pin", "other.trust")
    room.refused("DRV-7004", "trust", "sign", "other.trust", "--key", "alice.root", "--yes")
    room.refused("DRV-5009", "trust", "sign", "other.trust", "--key", "ci.release", "--yes")
    room.refused("DRV-7033", "trust", "renew", "other.trust", "--out", "v2.trust")
    assert first["fleet"] != draft["fleet"]


def test_what_is_signed_is_shown_and_asked(team):
    room = team
    room.ok("trust", "renew", "v1.trust", "--out", "v2.trust")
    answer = room.refused("DRV-1014", "trust", "sign", "v2.trust", "--previous", "v1.trust",
                          "--key", "alice.root", exit_code=4)
    document = room.show("v2.trust")
    assert document["digest"] in answer.err
    for key in document["keys"]:
        assert key["key"] in answer.err
    assert "sign version 2 as alice?" in answer.err
    assert re.search(r"^- version 1$", answer.err, re.MULTILINE)
    assert re.search(r"^\+ version 2$", answer.err, re.MULTILINE)
    room.refused("DRV-1001", "trust", "sign", "v2.trust", "--key", "alice.root", "--yes",
                 exit_code=2)  # what it changes could not be shown


def test_a_lost_root_key_is_replaced(team):
    room = team
    room.key("root", "carol", "2")
    answer = room.ok("trust", "rotate", "v1.trust", "--revoke", "carol", "--add",
                     "carol2.root.pub", "--reason", "key lost", "--out", "v2.trust")
    lost = next(key["key"] for key in room.show("v1.trust")["keys"]
                if key["name"] == "carol" and key["use"] == "root")
    assert re.search(rf"^- key root {lost} of carol: active", answer.out, re.MULTILINE)
    assert re.search(rf"^\+ key root {lost} of carol: revoked .*because: key lost$", answer.out,
                     re.MULTILINE)
    room.refused("DRV-7001", "trust", "verify", "--pin", "v1.trust", "v2.trust")
    # the new key alone with one old one: enough for version 2, not for version 1
    room.sign("v2.trust", "carol2.root", "--previous", "v1.trust")
    room.sign("v2.trust", "alice.root", "--previous", "v1.trust")
    shown = room.show("v2.trust", "--previous", "v1.trust")
    assert [(row["version"], row["signed"]) for row in shown["roots"]] == [(1, 1), (2, 2)]
    assert not shown["complete"]
    room.refused("DRV-7011", "trust", "verify", "--pin", "v1.trust", "v2.trust")
    room.sign("v2.trust", "bob.root", "--previous", "v1.trust")
    chain = room.ok("trust", "verify", "--pin", "v1.trust", "v2.trust", "-o", "json").json["chain"]
    assert [row["version"] for row in chain] == [1, 2]
    # from here the lost key signs nothing
    room.ok("trust", "renew", "v2.trust", "--out", "v3.trust")
    room.refused("DRV-7015", "trust", "sign", "v3.trust", "--previous", "v2.trust", "--key",
                 "carol.root", "--yes")
    room.sign("v3.trust", "carol2.root", "--previous", "v2.trust")
    room.sign("v3.trust", "bob.root", "--previous", "v2.trust")
    room.ok("trust", "verify", "--pin", "v1.trust", "v2.trust", "v3.trust")
    room.refused("DRV-7011", "trust", "verify", "--pin", "v1.trust", "v3.trust")


def test_a_revocation(team):
    room = team
    room.refused("DRV-7035", "trust", "revoke", "v1.trust", "nobody", "--reason", "x", "--out",
                 "v2.trust")
    room.refused("DRV-1001", "trust", "revoke", "v1.trust", "ci", "--reason", "x", exit_code=2)
    # ci is the only release key: its threshold would be out of reach
    room.refused("DRV-7006", "trust", "revoke", "v1.trust", "ci", "--reason", "x", "--out",
                 "v2.trust")
    bob = next(key["key"] for key in room.show("v1.trust")["keys"]
               if key["name"] == "bob" and key["use"] == "operator")
    room.ok("trust", "revoke", "v1.trust", bob[:12], "--reason", "laptop stolen", "--out",
            "v2.trust")
    document = room.show("v2.trust")
    assert names(document, standing="revoked") == ["bob"]
    assert [key["reason"] for key in document["keys"] if key["key"] == bob] == ["laptop stolen"]
    # a draft is amended in place, and stays the same version
    room.key("operator", "dora")
    room.ok("trust", "add", "v2.trust", "dora.operator.pub", "--role", "operator", "--role",
            "approver")
    room.ok("trust", "threshold", "v2.trust", "approver", "--count", "2", "--environment", "prod",
            "--proposer-apart")
    room.ok("trust", "revoke", "v2.trust", "ab" * 32, "--agent", "--reason", "host gone")
    document = room.show("v2.trust")
    assert document["version"] == 2 and document["revoked_agents"] == ["ab" * 32]
    dora = next(key for key in document["keys"] if key["name"] == "dora")
    assert [(grant["role"], grant["environment"]) for grant in dora["grants"]] == [
        ("operator", ""), ("approver", "")]
    room.refused("DRV-7035", "trust", "add", "v2.trust", "bob.operator.pub", "--role", "admin")
    for key in ("alice.root", "carol.root"):
        room.sign("v2.trust", key, "--previous", "v1.trust")
    room.ok("trust", "verify", "--pin", "v1.trust", "v2.trust")
    room.refused("DRV-7008", "trust", "verify", "--pin", "v1.trust", "v2.trust", "v1.trust")


def test_a_changed_file_is_refused(team):
    room = team
    whole = (room / "v1.trust").read_bytes()
    (room / "bad.trust").write_bytes(whole.replace(b"alice", b"mallo", 1))
    room.refused("DRV-7003", "trust", "show", "bad.trust")
    (room / "bad.trust").write_bytes(whole[:-1])
    room.refused("DRV-7001", "trust", "show", "bad.trust")


@pytest.mark.parametrize("line, says", [
    ("root_threshold: 4", "DRV-7006"), ("expires: 4000d", "DRV-7034"), ("nonsense: 1", "DRV-7034"),
    ("root_threshold: 0", "DRV-7034")])
def test_a_bad_spec_leaves_nothing(team, line, says):
    room = team
    text = (room / "trust.yaml").read_text()
    key = line.split(":", maxsplit=1)[0]
    kept = re.sub(rf"^{key}:.*\n", "", text, flags=re.MULTILINE)
    (room / "bad.yaml").write_text(f"{kept}{line}\n")
    room.refused(says, "trust", "init", "bad.yaml", "--out", "bad.trust")


# One person

def test_solo_is_one_command(room):
    shown = room.ok("trust", "init", "--solo", "--name", "alice", "--no-passphrase", "--out",
                    "trust", "-o", "json").json
    assert shown["complete"] and names(shown) == ["alice"] * 3 + ["coordinator"]
    assert {grant["role"] for key in shown["keys"] for grant in key["grants"]} == {
        "viewer", "operator", "approver", "admin", "rollback", "release"}
    room.ok("trust", "verify", "--pin", "trust/fleet.trust")
    for name in ("root.key", "release.key", "operator.key", "operator.curve", "coordinator.key",
                 "coordinator.curve", "recovery.key"):
        assert stat.S_IMODE((room / "trust" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((room / "trust").stat().st_mode) == 0o700
    room.refused("DRV-1006", "trust", "init", "--solo", "--no-passphrase", "--out", "trust")
    room.refused("DRV-5009", "trust", "init", "--solo", "--no-passphrase", "--name", "a b",
                 "--out", "other")
    assert sorted(path.name for path in room.folder.iterdir()) == ["trust"]


# Signers elsewhere

def test_an_external_signer(team):
    room = team
    command = signer.command(room / "carol.root", room.folder)
    (room / "carol.root").unlink()
    room.ok("trust", "renew", "v1.trust", "--out", "v2.trust")
    line = ("trust", "sign", "v2.trust", "--previous", "v1.trust", "--key", "carol.root.pub",
            "--yes", "--signer")
    room.refused("DRV-1001", *line, "echo 'open", exit_code=2)
    room.refused("DRV-7032", *line, "echo $(touch never); touch never")  # no shell reads this
    room.ok(*line, command)
    assert [row["name"] for row in room.show("v2.trust", "--previous", "v1.trust")[
        "signatures"]] == ["carol"]


@pytest.mark.parametrize("case", signer.BAD)
def test_a_bad_signer_leaves_nothing(team, case):
    """Whatever it says, or does not say in its time, nothing is written."""
    command, code = signer.BAD[case]
    team.ok("trust", "renew", "v1.trust", "--out", "v2.trust")
    said = team.refused(code, "trust", "sign", "v2.trust", "--previous", "v1.trust", "--key",
                        "carol.root.pub", "--yes", "--signer", command, "--command-timeout", "1s")
    assert "--signer: " in said.err


def test_a_passphrase_command_has_its_time(room):
    said = room.refused("DRV-7080", "key", "new", "alice.root", "--kind", "root", "--name", "alice",
                        "--passphrase-command", "sleep 1000", "--command-timeout", "500ms")
    assert "--passphrase-command: the command was not done after 1 s: it was killed" in said.err


def test_a_bundle_is_signed_elsewhere(room):
    room.key("release", "ci")
    command = signer.command(room / "ci.release", room.folder)
    (room / "ci.release").unlink()
    room.ok("bundle", "build", migrations.EXAMPLE, "--application", "shop", "--out", "a.bundle")
    line = ("bundle", "sign", "a.bundle", "--key", "ci.release.pub", "--signer")
    for wrong, code in signer.BAD.values():
        room.refused(code, *line, wrong, "--command-timeout", "1s")
    room.key("operator", "ci")
    room.refused("DRV-5009", "bundle", "sign", "a.bundle", "--key", "ci.operator.pub", "--signer",
                 command)
    room.ok(*line, command)
    key = room.ok("key", "show", "ci.release.pub", "-o", "json").json["keys"][0]["public"]
    signed = room.ok("bundle", "show", "a.bundle", "-o", "json").json
    assert signed["signers"] == [key], signed


# Copies that were signed at the same time

def test_copies_are_joined(team):
    room = team
    room.ok("trust", "renew", "v1.trust", "--out", "v2.trust")
    for name in ("alice", "bob"):
        (room / f"{name}.copy").write_bytes((room / "v2.trust").read_bytes())
        room.sign(f"{name}.copy", f"{name}.root", "--previous", "v1.trust")
    room.ok("trust", "merge", "alice.copy", "bob.copy", "--out", "joined.trust", "--previous",
            "v1.trust")
    room.ok("trust", "verify", "--pin", "v1.trust", "joined.trust")
    # in any order, with the draft among them, and into a file that has one of them already
    room.ok("trust", "merge", "v2.trust", "bob.copy", "--out", "alice.copy")
    assert (room / "alice.copy").read_bytes() == (room / "joined.trust").read_bytes()


def test_different_files_are_not_joined(team):
    room = team
    room.ok("trust", "renew", "v1.trust", "--out", "v2.trust")
    room.ok("trust", "renew", "v1.trust", "--expires", "30d", "--out", "other.trust")
    for file in ("v2.trust", "other.trust"):
        room.sign(file, "alice.root", "--previous", "v1.trust")
    said = room.refused("DRV-7005", "trust", "merge", "v2.trust", "other.trust", "--out",
                        "c.trust")
    for file in ("v2.trust", "other.trust"):
        assert room.show(file)["digest"] in said.err
    (room / "bob.copy").write_bytes((room / "v2.trust").read_bytes())
    room.refused("DRV-7005", "trust", "merge", "v2.trust", "bob.copy", "--out", "other.trust")
    room.refused("DRV-1001", "trust", "merge", "v2.trust", "--out", "c.trust", exit_code=2)
    room.refused("DRV-7001", "trust", "merge", "v2.trust", "alice.root.pub", "--out", "c.trust")


# Passphrases

def with_passphrase(room, *line, text=CANARY + "\n", more=()):
    """Run with passphrases on pipes; answers the process's output and what others could see of it
    while it waited for the first of them."""
    pipes = [os.pipe() for _ in (text, *more)]
    flags = ("--passphrase-fd", "--new-passphrase-fd")
    argv = [program("drover"), *line]
    for flag, (reader, _) in zip(flags, pipes):
        argv += [flag, str(reader)]
    with subprocess.Popen(argv, cwd=room.folder, env=clean_environment(), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL,
                          pass_fds=[reader for reader, _ in pipes]) as child:
        for (reader, writer), secret in zip(pipes, (text, *more)):
            os.close(reader)
            os.write(writer, secret[:4].encode())  # it waits for the rest of the line
        seen = b"".join(Path(f"/proc/{child.pid}/{name}").read_bytes()
                        for name in ("cmdline", "environ"))
        for (_, writer), secret in zip(pipes, (text, *more)):
            os.write(writer, secret[4:].encode())
            os.close(writer)
        out, err = child.communicate(timeout=60)
    return child.returncode, out + err, seen


def test_a_passphrase_is_seen_by_nobody(room):
    new = CANARY + "-new"
    line = ("key", "new", "alice.root", "--kind", "root", "--name", "alice")
    runs = [with_passphrase(room, *line)]
    assert CANARY not in (room / "alice.root").read_text()
    assert stat.S_IMODE((room / "alice.root").stat().st_mode) == 0o600
    runs.append(with_passphrase(room, "key", "change-passphrase", "alice.root",
                                more=(new + "\n",)))
    assert stat.S_IMODE((room / "alice.root").stat().st_mode) == 0o600
    code, said, _ = with_passphrase(room, "key", "change-passphrase", "alice.root",
                                    more=(new + "\n",))
    assert (code, "does not open the key" in said) == (1, True), said
    (room / "trust.yaml").write_text(
        "expires: 30d\nroot_threshold: 1\nkeys:\n  - file: alice.root.pub\n")
    room.ok("trust", "init", "trust.yaml", "--out", "v1.trust")
    runs.append(with_passphrase(room, "trust", "sign", "v1.trust", "--key", "alice.root", "--yes",
                                text=new + "\n"))
    for code, said, seen in runs:
        assert code == 0, said
        assert CANARY not in said and CANARY.encode() not in seen
    assert room.show("v1.trust")["complete"]


def test_a_passphrase_from_a_command(room):
    (room / "secret file").write_text(CANARY + "\nmore\n")
    answer = room.ok("key", "new", "alice.root", "--kind", "root", "--name", "alice",
                     "--passphrase-command", "cat 'secret file'")
    assert CANARY not in answer.out + answer.err
    room.refused("DRV-1006", "key", "change-passphrase", "alice.root", "--no-passphrase",
                 "--passphrase-command", "false")
    room.ok("key", "change-passphrase", "alice.root", "--no-passphrase", "--passphrase-command",
            "cat 'secret file'")
    assert "secret: " in (room / "alice.root").read_text()
    assert room.ok("key", "show", "alice.root", "-o", "json").json["keys"][0]["kind"] == "root"


def test_a_root_key_is_locked_unless_told(room):
    done = subprocess.run(
        [program("drover"), "key", "new", "a.root", "--kind", "root", "--name", "a"],
        cwd=room.folder, env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, start_new_session=True, check=False, timeout=60)
    assert (done.returncode, "no terminal" in done.stderr) == (1, True), done
    assert list(room.folder.iterdir()) == []
    room.refused("DRV-1001", "key", "new", "a.root", "--kind", "root", "--name", "a",
                 "--no-passphrase", "--passphrase-command", "echo x", exit_code=2)
