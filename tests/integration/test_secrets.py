"""Canaries in passwords, passphrases, keys, tokens and rows, and all places where a program could
have let them out: logs, answers, journal, catalog, papers, bundles, backups, the audit's export, and
each process's arguments and environment.
"""
import base64
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

from lib import configs, effects, rollouts, team
from lib.fleet import COMMAND_S, Answer, Fleet, program
from lib.process import clean_environment

PASSWORD = "Canary-Passw0rd-8d1f"
PASSPHRASE = "canary passphrase 4c7e"
ROW = "canary.row.53a9@example.org"
DUMP = {"recovery_point": {"policy": "dump", "trial_restore": "all"}}
SIGNED = "this text stands in the signed script"
PEOPLE = f"""CREATE TABLE public.people (mail text UNIQUE, boss text);
INSERT INTO public.people VALUES ('{ROW}', 'x')"""


def raises(words):
    return f"DO $r$ BEGIN {words}; END $r$"


OF_ROW = "(SELECT max(mail) FROM public.people)"
BODIES = {  # what goes wrong over a row: (statement, SQLSTATE)
    "unique": ("INSERT INTO public.people SELECT mail FROM public.people", "23505"),
    "invalid": ("SELECT mail::integer FROM public.people", "22P02"),
    "date": ("SELECT mail::date FROM public.people", "22007"),
    "json": ("SELECT mail::json FROM public.people", "22P02"),
    "checked": ("ALTER TABLE public.people ADD CHECK (mail = '')", "23514"),
    "check_row": ("ALTER TABLE public.people ADD CHECK (boss <> 'y');"
                  " UPDATE public.people SET boss = 'y'", "23514"),
    "not_null": ("ALTER TABLE public.people ALTER boss SET NOT NULL;"
                 " UPDATE public.people SET boss = NULL", "23502"),
    "foreign": ("ALTER TABLE public.people ADD FOREIGN KEY (boss) REFERENCES public.people (mail)",
                "23503"),
    "raised": (raises(f"RAISE EXCEPTION 'no mail to %', {OF_ROW}"), "P0001"),
    "raised_as": (raises(f"RAISE EXCEPTION '%', {OF_ROW} USING ERRCODE = 'unique_violation'"),
                  "23505"),
    "raised_hint": (raises(f"RAISE 'x' USING HINT = {OF_ROW}, DETAIL = {OF_ROW}, TABLE = {OF_ROW}"),
                    "P0001"),
    "noticed": (raises(f"RAISE WARNING '%', {OF_ROW}; PERFORM 1/0"), "22012"),
    "asserted": (raises(f"ASSERT false, {OF_ROW}"), "P0004"),
}


class Watch:
    """Arguments and environment of every process below this one, as often as one can look."""

    def __init__(self):
        self.seen = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @staticmethod
    def _below(pid):
        found = []
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                for child in (task / "children").read_text().split():
                    found += [child, *Watch._below(child)]
        except OSError:
            pass  # it ended meanwhile
        return found

    def _run(self):
        while not self._over.wait(0.02):
            for pid in self._below(os.getpid()):
                for name in ("cmdline", "environ"):
                    try:
                        text = Path(f"/proc/{pid}/{name}").read_bytes()
                    except OSError:
                        continue
                    self.seen.setdefault(text, f"{name} of {pid}")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def programs(self):
        return {Path(text.split(b"\0")[0].decode(errors="replace")).name for text, where in
                list(self.seen.items()) if where.startswith("cmdline")}


class World:
    def __init__(self, fleet, postgres, watch):
        self.fleet = fleet
        self.postgres = postgres
        self.watch = watch
        self.answers = []
        self.secrets = {"password": PASSWORD, "row": ROW, "passphrase": PASSPHRASE}
        self.files = set()  # that are to hold a secret
        for owner, kinds in fleet.keys.items():
            for kind, key in kinds.items():
                self.keep(f"{owner}.{kind}", key.path)

    def keep(self, name, path):
        """What this file has to keep to itself."""
        self.files.add(path)
        for line in path.read_text().splitlines():
            word, _, value = line.partition(": ")
            if word in ("secret", "key", "seed", "private"):
                self.secrets[name] = value

    def found_in(self, data):
        """Names of the secrets in some bytes, as text or as bytes of their own."""
        return {name for name, secret in self.secrets.items()
                if secret.encode() in data or
                re.fullmatch("(?:[0-9a-f]{2})+", secret) and bytes.fromhex(secret) in data}

    def run(self, *line, **options):
        done = subprocess.run([str(word) for word in line], env=clean_environment(),
                              cwd=self.fleet.folder, capture_output=True, text=True,
                              timeout=COMMAND_S, check=False, **options)
        self.answers.append(Answer([str(word) for word in line], done))
        assert done.returncode == 0, self.answers[-1]

    def with_passphrase(self, *line):
        reader, writer = os.pipe()
        os.write(writer, f"{PASSPHRASE}\n".encode())
        os.close(writer)
        self.run(program("drover"), *line, "--passphrase-fd", reader, pass_fds=[reader])
        os.close(reader)

    def order_with_a_locked_key(self):
        """Somebody whose key opens by a passphrase signs an order, which is carried out."""
        lena = team.Person(self.fleet, "lena")
        self.keep("lena.curve", lena.keys["curve"].path)
        locked = self.fleet.folder / "trust" / "lena.locked"
        self.with_passphrase("key", "new", locked, "--kind", "operator", "--name", "lena")
        assert "locked: argon2id" in locked.read_text()
        lena.keys["operator"] = configs.Key(locked)
        lena.write_config()
        team.Chain(self.fleet).publish(lena.added("operator"))
        self.with_passphrase("--config", lena.config, "backup", "create", "--tenant", "unique",
                             "--yes", "--wait")

    def invite(self, cluster):
        """A host that asks with a token, and is accepted."""
        fleet = self.fleet
        fleet.keys["two"] = {kind: fleet._key("two", word) for kind, word in (
            ("sign", "agent"), ("curve", "curve"), ("backup", "backup"))}
        fleet.agent_clusters["two"] = [cluster]
        fleet.enrolled.add("two")
        fleet.write_agent("two")
        for kind, key in fleet.keys["two"].items():
            self.keep(f"two.{kind}", key.path)
        token = fleet.folder / "two.token"
        self.answers.append(fleet.ok("agents", "invite", "two", "--out", token))
        self.keep("token", token)
        self.run(program("drover-agent"), "enroll", "--token", token, "--config",
                 fleet.folder / "two.yaml")
        self.answers.append(fleet.ok("agents", "pending", "-o", "json"))
        self.answers.append(fleet.ok("agents", "accept", "two", "--yes"))


@pytest.fixture(scope="module")
def world(folder, postgres):
    names = list(BODIES)
    postgres.create_tenants([*names, "signed"])
    for name in [*names, "signed"]:
        body = BODIES[name][0] if name in BODIES else "SELECT 1"
        postgres.run(f"SET ROLE tenant_owner; {PEOPLE};"
                     f"CREATE TABLE public.attack AS SELECT $body${body}$body$::text AS body", name)
    postgres.run(f"ALTER ROLE drover PASSWORD '{PASSWORD}'")
    passfile = folder / "pass"
    passfile.touch(mode=0o600)
    passfile.write_text(f"127.0.0.1:{postgres.port}:*:drover:{PASSWORD}\n")
    chain = folder / "chain"
    chain.mkdir()
    (chain / "V001__run.sql").write_text(
        "DO $do$ BEGIN EXECUTE (SELECT a.body FROM public.attack AS a);\n"
        f"IF current_database() = 'signed' THEN RAISE EXCEPTION '{SIGNED}'; END IF; END $do$;\n")
    (chain / "V001__run.undo.sql").write_text("SELECT 1;\n")
    cluster = configs.cluster(postgres, [*names, "signed"], connection={"passfile": passfile})
    with Watch() as watch, Fleet(folder / "fleet", {"one": [cluster]},
                                 coordinator_changes={"log_level": "debug"},
                                 agent_changes={"log_level": "debug"}) as fleet:
        fleet.push_bundle(chain, "chain")
        rollouts.baseline(fleet, application="chain")
        rollout = rollouts.start(fleet, fleet.write_spec("chain", on_failure="continue", **DUMP))
        rollouts.assert_ends(fleet, rollout, "incomplete")
        world = World(fleet, postgres, watch)
        world.rollout = rollout
        world.order_with_a_locked_key()
        world.invite(cluster)
        world.answers.append(fleet.ok("audit", "export", "--out", fleet.folder / "audit.export"))
        for order in (["rollout", "failures", rollout], ["rollout", "report", rollout],
                      ["rollout", "status", rollout], ["tenants"], ["audit", "log"], ["clusters"],
                      ["agents"], ["agents", "pending"], ["trust", "show"], ["backup", "list", "unique"], ["tenant", "show", "unique"]):
            world.answers += [fleet.ok(*order), fleet.ok(*order, "-o", "json")]
        yield world


@pytest.mark.parametrize("name", BODIES)
def test_failures_say_what_without_the_row(world, name):
    task = rollouts.tasks(world.fleet, world.rollout)[name]
    assert (task["state"], task["code"]) == ("failed", "DRV-3004"), task
    shown = world.fleet.ok("rollout", "failures", world.rollout).out
    part = shown[shown.index(f"{name} (cluster main"):]
    assert f"[{BODIES[name][1]}] applying V001" in part[:part.index("HINT: ")], part
    assert ROW not in shown


def test_a_signed_text_is_shown(world):
    assert rollouts.tasks(world.fleet, world.rollout)["signed"]["error"].count(SIGNED) == 1


def test_secrets_were_there_to_be_found(world):
    """The search finds what it is to find: the keys' files are searched here, and only here."""
    kinds = {"sign", "curve", "backup"}
    assert {"password", "row", "passphrase", "token", "operator.sign", "coordinator.sign",
            "root.sign", *(f"{agent}.{kind}" for agent in ("one", "two") for kind in kinds)} <= \
        set(world.secrets)
    assert world.found_in((world.fleet.folder / "two.token").read_bytes()) == {"token"}
    assert {"pg_dump", "pg_restore", "drover-agent", "drover-coordinator",
            "drover"} <= world.watch.programs()
    for name in BODIES:
        assert world.postgres.value("SELECT count(*) FROM public.people WHERE mail = %s", name,
                                    values=(ROW,)) == 1
    effects.assert_nothing_left(world.postgres, "unique")


def test_no_output_holds_a_secret(world):
    assert world.found_in(world.fleet.output().encode()) == set()
    for answer in world.answers:
        assert world.found_in((answer.out + answer.err).encode()) == set(), answer


def test_no_file_holds_a_secret(world):
    looked = []
    for path in world.fleet.folder.rglob("*"):
        if path.is_file() and path not in world.files:
            looked.append(path.suffix)
            assert world.found_in(path.read_bytes()) == set(), path
    assert {".sqlite", ".dbk", ".manifest", ".bundle", ".yaml", ".order", ".trust",
            ".export"} <= set(looked), looked


def test_the_export_holds_no_secret(world):
    """Nor do the documents in it."""
    export = (world.fleet.folder / "audit.export").read_bytes()
    assert b"lena" in export and b"unique" in export
    documents = [base64.b64decode(text + b"=" * (-len(text) % 4)) for text in
                 re.findall(rb'"([A-Za-z0-9+/]{24,}=*)"', export) if len(text.rstrip(b"=")) % 4 != 1]
    assert len(documents) > 10
    for document in documents:
        assert world.found_in(document) == set(), document


def test_no_process_holds_a_secret(world):
    for text, where in list(world.watch.seen.items()):
        assert world.found_in(text) == set(), where
