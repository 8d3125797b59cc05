"""Tenants and connections that are not as they should be: each is told by its code, by name, with
what was wrong and one hint, where an operator looks; and nothing has changed in any database.

Scripts that go for what is Drover's stand in test_bad_scripts.py, keys and clocks in
test_bad_peers.py.
"""
import contextlib
import os
import subprocess
import time

import pytest

from lib import account, configs, effects, rollouts, unchanged
from lib.fleet import Fleet, run_drover
from lib.pooler import Pooler
from lib.postgres import DROVER_PASSWORD, HBA, Postgres
from lib.process import clean_environment

STANDING = 2  # every tenant of the chain stands at V002, and V003 waits
EDITED = ["row_changed", "row_gone", "row_added", "tail_cut"]
TENANTS = ["plain", "original", "shut", "wrong_word", "checksum", "ahead", *EDITED]
ONLY_HERE = ["bare", "rows", "by_postgres"]  # not of the chain
SECRET = "Wr0ng-pass-word"
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
SECONDS = 60  # a net for what never comes


def await_true(what, says):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.05)  # polling an event that only this question tells
    raise AssertionError(says)


class World:
    """The fleet, whose one agent may be given another way to the cluster."""

    def __init__(self, fleet, postgres):
        self.fleet = fleet
        self.postgres = postgres
        self.cluster = fleet.agent_clusters["one"][0]
        self.given = self.cluster
        self.started_us = 0

    def agent_as(self, anew=False, **changes):
        """The agent with these changes of its cluster; started anew, and so reading all of it
        anew, where they are others than it has."""
        wanted = configs.merge(self.cluster, changes)
        if anew or wanted != self.given:
            self.fleet.agents["one"].stop()
            self.fleet.agent_clusters["one"] = [wanted]
            self.fleet.write_agent("one")
            mark = self.fleet.coordinator.mark()
            self.started_us = time.time_ns() // 1000
            self.fleet.start_agent("one")
            self.fleet.coordinator.wait_for_line(r"event=\"agent online\"", after=mark)
            self.given = wanted
        return self.fleet.agents["one"]

    def tenant(self, name):
        return self.fleet.ok("tenant", "show", name, "-o", "json").json["tenant"]

    def await_condition(self, name, code):
        """Until inventory has set the tenant aside for this."""
        await_true(lambda: self.tenant(name)["problem_code"] == code,
                   f"{name} never shows '{code}'\n{self.fleet.output()}")

    def await_reading(self, name):
        """Until the agent that runs now has read the tenant, and found nothing."""
        await_true(lambda: self.tenant(name)["observed_us"] >= self.started_us,
                   f"{name} is never read\n{self.fleet.output()}")
        self.await_condition(name, "")

    def cluster_row(self):
        rows = self.fleet.ok("clusters", "-o", "json").json["clusters"]
        return next(row for row in rows if row["name"] == self.postgres.name)

    def contents(self, *names):
        return {name: effects.contents(self.postgres, name) for name in names}

    @contextlib.contextmanager
    def nothing_changes(self, *names):
        before = self.contents(*names)
        yield
        for name in names:
            assert effects.contents(self.postgres, name) == before[name], name

    def spec(self, name, **changes):
        return self.fleet.write_spec("chain", name=f"{name}.yaml", select=f"name={name}",
                                     **{**NO_POINT, **changes})


def push(fleet, folder, application="chain"):
    return fleet.push_bundle(folder, application)


@pytest.fixture(scope="module")
def world(folder, postgres):
    postgres.create_tenants([*TENANTS, "rows", "by_postgres"])
    postgres.run("CREATE DATABASE bare")  # nothing is granted there
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, [*TENANTS, *ONLY_HERE])]},
               agent_changes={"inventory_refresh": "3s"}) as fleet:
        push(fleet, effects.write(folder / "two", STANDING))
        select = f"name in ({','.join(TENANTS)})"
        rollouts.baseline(fleet, select=select, application="chain")
        spec = fleet.write_spec("chain", select=select, **NO_POINT)
        rollouts.assert_ends(fleet, rollouts.start(fleet, spec), "succeeded")
        push(fleet, effects.write(folder / "three", STANDING + 1))
        yield World(fleet, postgres)


def assert_says(text, *words):
    for word in words:
        assert word in text, text


def assert_refused(answer, *words):
    """One error, one hint, all of the words."""
    assert answer.code not in (0, None), answer
    assert answer.err.startswith("DRV-") and answer.err.count("\nHINT: ") == 1, answer
    assert_says(answer.err, *words)


def assert_set_aside(world, name, code, *words):
    """The list, the tenant's page, the plan and the start say why, and the start does nothing."""
    world.await_condition(name, code)
    row = next(line for line in world.fleet.ok("tenants").out.splitlines()
               if line.startswith(f"{name} "))
    assert " quarantined " in row
    assert_says(world.fleet.ok("tenant", "show", name).out, code, *words)
    spec = world.spec(name)
    assert_says(world.fleet.ok("rollout", "plan", spec, "--no-sql").out, "refused: nothing is done",
                name, code, *words)
    with unchanged.catalog(world.fleet):
        assert_refused(world.fleet.drover("rollout", "start", spec, "--yes"), code, name, *words)


def assert_job_refused(world, name, code, *words, spec=None):
    """The job itself finds it: the rollout rests, its failures say what, and the hint follows."""
    rollout = rollouts.start(world.fleet, spec or world.spec(name))
    rollouts.assert_ends(world.fleet, rollout, "paused")
    shown = world.fleet.ok("rollout", "failures", rollout).out
    assert_says(shown, f"{name} (cluster {world.postgres.name}, database {name}): ",
                f"\n  {code} ", "\n  HINT: ", *words)
    world.fleet.ok("rollout", "stop", rollout)
    return shown


# Access.


@pytest.fixture
def stopped(world):
    """A server that is away, and what was in one tenant before it went."""
    agent = world.agent_as()
    before = world.contents("plain")
    mark = agent.mark()
    world.postgres.stop()
    yield agent, mark
    world.postgres.start()
    await_true(lambda: world.cluster_row()["problem"] == "", "the problem never ends")
    assert world.contents("plain") == before


def test_server_stopped(world, stopped):
    agent, mark = stopped
    line = agent.wait_for_line(r"event=\"cluster not read\".*Connection refused.*",
                               after=mark).group()
    assert_says(line, f"cluster={world.postgres.name}", "code=DRV-3001",
                "hint=\"check that the server runs")
    await_true(lambda: "Connection refused" in world.cluster_row()["problem"], "no problem shown")
    rollout = rollouts.start(world.fleet, world.spec("plain"))
    rollouts.await_status(world.fleet, rollout, lambda status: status["state"] == "running")
    world.fleet.ok("rollout", "stop", rollout)
    assert rollouts.follow(world.fleet, rollout)["state"] == "stopped"


def test_server_stopped_before_the_agent_starts(world, stopped):
    """The agent cannot say which cluster it is, and yet its trouble stands where one looks."""
    del stopped
    agent = world.agent_as(anew=True)
    agent.wait_for_line(r"event=\"cluster not read\".*Connection refused.*")
    await_true(lambda: "Connection refused" in world.cluster_row()["problem"], "no problem shown")
    row = world.fleet.ok("agents", "-o", "json").json["agents"][0]
    assert_says(row["problem"], f"cluster '{world.postgres.name}': ", "Connection refused")
    assert not world.cluster_row()["leased"]


@pytest.fixture
def shut(world):
    """pg_hba.conf refuses the login to one tenant."""
    rule = "host shut drover 127.0.0.1/32 reject\n"
    path = world.postgres.data / "pg_hba.conf"
    path.write_text(rule + HBA)
    world.postgres.run("SELECT pg_reload_conf()")
    yield
    path.write_text(HBA)
    world.postgres.run("SELECT pg_reload_conf()")


def test_host_refuses_one_tenant(world, shut):
    del shut
    with world.nothing_changes("shut"):
        world.agent_as(anew=True)
        assert_set_aside(world, "shut", "DRV-3002", 'pg_hba.conf rejects connection', '"drover"',
                         '"shut"')
        world.await_reading("plain")


def test_wrong_password(world, folder):
    """Of one tenant, then of the whole cluster; the word itself is nowhere to be read."""
    port = world.postgres.port
    passfile = folder / "wrong"
    passfile.write_text(f"127.0.0.1:{port}:wrong_word:drover:{SECRET}\n"
                        f"127.0.0.1:{port}:*:drover:{DROVER_PASSWORD}\n")
    passfile.chmod(0o600)
    with world.nothing_changes("wrong_word"):
        world.agent_as(connection={"passfile": passfile})
        assert_set_aside(world, "wrong_word", "DRV-3002", "password authentication failed",
                         '"drover"')
        world.await_reading("plain")
        passfile.write_text(f"127.0.0.1:*:*:drover:{SECRET}\n")
        agent = world.agent_as(anew=True, connection={"passfile": passfile})
        line = agent.wait_for_line(r"event=\"cluster not read\".*").group()
        assert_says(line, "code=DRV-3002", "password authentication failed", "hint=", "passfile")
        world.fleet.coordinator.wait_for_line(r"event=\"cluster not read by its agent\" agent=one "
                                              r"cluster=main .*password authentication failed")
    said = world.fleet.output() + world.fleet.ok("tenant", "show", "wrong_word").out + \
        world.fleet.ok("audit", "log", "-o", "json").out
    assert SECRET not in said and DROVER_PASSWORD not in said
    assert SECRET not in (world.fleet.folder / "one" / "state" / "journal.sqlite").read_bytes(
        ).decode(errors="replace")


def test_wrong_database(world):
    listed = [*({"database": name} for name in TENANTS), {"database": "typo", "name": "acme"}]
    agent = world.agent_as(tenants={"list": listed})
    line = agent.wait_for_line(r"event=\"listed database not found\".*").group()
    assert_says(line, "cluster=main", "database=typo", "tenant=acme", "hint=", "agent.yaml")
    world.await_reading("plain")
    assert_refused(world.fleet.drover("tenant", "show", "acme"), "DRV-1005", "acme")
    agent = world.agent_as(connection={"dbname": "nonesuch"})
    line = agent.wait_for_line(r"event=\"cluster not read\".*").group()
    assert_says(line, "code=DRV-3003", 'database \\"nonesuch\\" does not exist', "hint=")


def test_clone(world):
    world.postgres.run("CREATE DATABASE copy TEMPLATE original OWNER tenant_owner")
    names = [*TENANTS, "copy"]
    with world.nothing_changes("original", "copy"):
        world.agent_as(tenants={"list": [{"database": name} for name in names]})
        await_true(lambda: "copy" in world.fleet.ok("tenants").out, "the copy is never listed")
        row = next(line for line in world.fleet.ok("tenants").out.splitlines()
                   if line.startswith("copy "))
        assert " clone " in row
        assert_says(world.fleet.ok("tenant", "show", "copy").out, "condition     clone",
                    "DRV-3021", "a copy: the tenant of this id stands in", "original")
        with unchanged.catalog(world.fleet):
            assert_refused(world.fleet.drover("rollout", "start", world.spec("copy"), "--yes"),
                           "DRV-6005")
            assert_refused(world.fleet.drover("baseline", "--select", "name=copy", "--at", "empty",
                                              "--application", "chain", "--yes"), "DRV-6005")
    world.await_reading("original")  # the copy harms nobody
    world.agent_as()
    world.postgres.run("DROP DATABASE copy")


class Standby(Postgres):
    """A copy of a running cluster that follows it."""

    def __init__(self, folder, primary):
        self.primary = primary
        super().__init__(folder, name="standby")

    def _make_data(self):
        argv = [str(self.programs / "pg_basebackup"), "-D", str(self.data), "-h",
                str(self.primary.socket_folder), "-p", str(self.primary.port), "-U", "postgres",
                "-X", "stream", "--checkpoint=fast", "--no-sync", "--write-recovery-conf"]
        subprocess.run(account.as_server_user(argv), env=clean_environment(), cwd=os.sep,
                       check=True, capture_output=True)

    def _is_up(self):
        self.server.wait_for_line("database system is ready to accept read-only connections")
        return True


def test_standby(world, folder):
    """Its ledgers lag behind: nobody there is read, and a rollout waits for the primary."""
    with world.nothing_changes("plain"):
        with Standby(folder, world.postgres) as standby:
            world.postgres.passfile.write_text(
                world.postgres.passfile.read_text() +
                f"127.0.0.1:{standby.port}:*:drover:{DROVER_PASSWORD}\n")
            agent = world.agent_as(connection={"port": standby.port})
            line = agent.wait_for_line(r"event=\"cluster is a standby\".*").group()
            assert_says(line, "cluster=main", "code=DRV-3009", "hint=\"", "the primary")
            await_true(lambda: world.cluster_row()["problem"].startswith("standby: "),
                       "the standby is not told")
            assert not world.cluster_row()["leased"]
            rollout = rollouts.start(world.fleet, world.spec("plain"))
            rollouts.await_status(world.fleet, rollout, lambda s: s["state"] == "running")
            world.fleet.ok("rollout", "stop", rollout)
            assert rollouts.follow(world.fleet, rollout)["state"] == "stopped"
            world.agent_as()


POOLED = {"parameters": "unsupported startup parameter: options",
          "settings": "the session's settings did not reach the server"}


@pytest.mark.parametrize("mode", POOLED)
def test_pooler(world, mode):
    pooler = Pooler(world.postgres.port, mode)
    world.postgres.passfile.write_text(world.postgres.passfile.read_text() +
                                       f"127.0.0.1:{pooler.port}:*:drover:{DROVER_PASSWORD}\n")
    try:
        with world.nothing_changes("plain"):
            agent = world.agent_as(connection={"port": pooler.port})
            line = agent.wait_for_line(r"event=\"cluster not read\".*").group()
            assert_says(line, "cluster=main", "code=DRV-3010", POOLED[mode],
                        "hint=\"connect straight to PostgreSQL")
            assert (pooler.sessions > 0) == (mode == "settings")
    finally:
        pooler.stop()
        world.agent_as()


# Rights.


def test_not_a_member_of_the_owner(world):
    """A job that was planned before notices as well."""
    world.agent_as()
    world.await_reading("plain")
    with world.nothing_changes("plain"):
        world.postgres.run("REVOKE tenant_owner FROM drover, drover_restore")
        try:
            assert_job_refused(world, "plain", "DRV-3012", "login 'drover' may not SET ROLE to "
                               "'tenant_owner', the owner role of the scripts in database 'plain'")
            world.agent_as(anew=True)
            assert_set_aside(world, "plain", "DRV-3012", "'drover'", "'tenant_owner'", "'plain'")
        finally:
            world.postgres.run("GRANT tenant_owner TO drover, drover_restore")
    world.agent_as(anew=True)
    world.await_reading("plain")


def test_no_right_to_make_the_ledger(world):
    world.agent_as()
    with world.nothing_changes("bare"):
        answer = world.fleet.drover("baseline", "--select", "name=bare", "--at", "empty",
                                    "--application", "chain", "--yes", "--wait")
        assert answer.code != 0
        rollout = world.fleet.ok("rollout", "list", "--all", "-o", "json").json["rollouts"][0]
        assert_says(world.fleet.ok("rollout", "failures", rollout["rollout"]).out, "bare",
                    "DRV-3012", "permission denied for database bare", "HINT: grant the role")


def test_superuser(world, folder):
    """Refused as it comes; taken where agent.yaml says so."""
    push(world.fleet, effects.write(folder / "super", 1), "by_postgres")
    socket = {"host": world.postgres.socket_folder, "user": "postgres"}
    with world.nothing_changes("by_postgres"):
        world.agent_as(connection=socket)
        world.await_condition("by_postgres", "DRV-3011")
        assert_says(world.fleet.ok("tenant", "show", "by_postgres").out, "DRV-3011",
                    "login 'postgres' is a superuser")
        with unchanged.catalog(world.fleet):
            assert_refused(
                world.fleet.drover("baseline", "--select", "name=by_postgres", "--at", "empty",
                                   "--application", "by_postgres", "--yes"),
                "DRV-3011", "by_postgres", "login 'postgres' is a superuser", "allow_superuser")
    world.agent_as(connection=socket, allow_superuser=True)
    world.await_reading("by_postgres")
    rollouts.baseline(world.fleet, "name=by_postgres", application="by_postgres")
    spec = world.fleet.write_spec("by_postgres", name="super.yaml", select="name=by_postgres",
                                  **NO_POINT)
    rollouts.assert_ends(world.fleet, rollouts.start(world.fleet, spec), "succeeded")
    effects.assert_applied_once(world.postgres, "by_postgres", 1)
    assert world.postgres.value("SELECT tableowner FROM pg_tables WHERE tablename = 't1'",
                                "by_postgres") == "tenant_owner"
    world.agent_as()


def test_forced_row_security(world, folder):
    """A backup role that sees only some rows makes no backup: the tenant is left as it was."""
    bundle = effects.write(folder / "rows", 2)
    first = bundle / "V001__step_1.sql"
    first.write_text(first.read_text() + "ALTER TABLE public.t1 ENABLE ROW LEVEL SECURITY;\n"
                     "ALTER TABLE public.t1 FORCE ROW LEVEL SECURITY;\n")
    push(world.fleet, bundle, "rows")
    world.agent_as()
    world.await_reading("rows")
    rollouts.baseline(world.fleet, "name=rows", application="rows")
    select = {"name": "rows.yaml", "select": "name=rows"}
    spec = world.fleet.write_spec("rows", target="V001", **select, **NO_POINT)
    rollouts.assert_ends(world.fleet, rollouts.start(world.fleet, spec), "succeeded")
    point = {"recovery_point": {"policy": "dump", "trial_restore": "never"}, "attempts": 3}
    spec = world.fleet.write_spec("rows", **select, **point)
    world.postgres.run("CREATE ROLE sees_some NOLOGIN; GRANT pg_read_all_data TO sees_some;"
                       "GRANT sees_some TO drover")
    world.agent_as(roles={"backup": "sees_some"})
    assert_job_refused(world, "rows", "DRV-4008", "after 1 try", "row-level security policy",
                       "t1", spec=spec)
    # The first attempt let the backup role read the ledger; a second one finds that done.
    with world.nothing_changes("rows"):
        assert_job_refused(world, "rows", "DRV-4008", "after 1 try", "row-level security policy",
                           "t1", spec=spec)
    assert [path for path in (world.fleet.folder / "one" / "backups").rglob("*")
            if path.is_file()] == []
    world.agent_as()
    rollouts.assert_ends(world.fleet, rollouts.start(world.fleet, spec), "succeeded")
    effects.assert_applied_once(world.postgres, "rows", 2)


# The ledger.

OPEN = "ALTER TABLE drover.history DISABLE TRIGGER append_only;"
SHUT = ";ALTER TABLE drover.history ENABLE ALWAYS TRIGGER append_only"
COLUMNS = """SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
 WHERE attrelid = 'drover.history'::regclass AND attnum > 0 AND attgenerated = ''"""


def edit(postgres, name):
    """Three rows are there: the baseline's, V001's, V002's."""
    if name == "row_added":
        columns = postgres.value(COLUMNS, name)
        copied = ", ".join("4" if c == "seq" else c for c in columns.split(", "))
        change = (f"INSERT INTO drover.history ({columns}) SELECT {copied}"
                  " FROM drover.history WHERE seq = 3")
    else:
        change = {"row_changed": "UPDATE drover.history SET actor = 'nobody' WHERE seq = 2",
                  "row_gone": "DELETE FROM drover.history WHERE seq = 2",
                  "tail_cut": "DELETE FROM drover.history WHERE seq = 3"}[name]
    postgres.run(OPEN + change + SHUT, name)


@pytest.mark.parametrize("name, says", [
    ("row_changed", "ledger row 2 of row_changed does not match its chain"),
    ("row_gone", "ledger row 3 of row_gone does not match its chain"),
    ("row_added", "ledger row 4 of row_added does not match its chain")])
def test_ledger_edited(world, name, says):
    world.agent_as()
    world.await_reading(name)
    edit(world.postgres, name)
    with world.nothing_changes(name):
        shown = assert_job_refused(world, name, "DRV-3026", says, "who edited drover.history")
        # What a broken chain says is believed by nobody.
        assert "stands at V002" in shown
        assert world.tenant(name)["applications"][0]["version"] == "V002"


def test_ledger_cut(world):
    """The rest is a good chain: it is what was seen before that tells, and what the schema is."""
    world.agent_as(anew=True)  # reads everybody now, and not again so soon
    world.await_reading("tail_cut")
    edit(world.postgres, "tail_cut")
    with world.nothing_changes("tail_cut"):
        rollout = rollouts.start(world.fleet, world.spec("tail_cut"))
        rollouts.assert_ends(world.fleet, rollout, "paused")
        assert_says(world.fleet.ok("rollout", "failures", rollout).out, "DRV-3026",
                    "the ledger of tail_cut ends at row 2, but row 3 was seen", "HINT: ")
        world.fleet.ok("rollout", "stop", rollout)
        # Now that it is known to be so: the audit log tells, and the schema does not fit.
        assert_job_refused(world, "tail_cut", "DRV-3025",
                           "the schema of tail_cut is not what its ledger's row 2 left",
                           "table public.t2: added")
    told = world.fleet.ok("audit", "log", "--tenant", "tail_cut").out
    assert_says(told, "tenant.regressed", "its ledger is older than one that was known before")


def test_ledger_without_its_trigger(world):
    world.agent_as()
    world.await_reading("original")
    world.postgres.run(OPEN, "original")
    try:
        with world.nothing_changes("original"):
            assert_job_refused(world, "original", "DRV-3026",
                               "the trigger that keeps drover.history append-only is gone or "
                               "disabled")
    finally:
        world.postgres.run(SHUT[1:], "original")


# Bundles that do not fit.


def test_changed_file_is_not_taken(world, folder):
    """A file under an applied number, with one comment more: neither built upon nor pushed."""
    changed = effects.write(folder / "changed", STANDING + 1)
    script = changed / "V002__step_2.sql"
    script.write_text(script.read_text() + "-- more\n")
    path = folder / "changed.bundle"
    build = ["bundle", "build", changed, "--application", "chain", "--out", path]
    with unchanged.catalog(world.fleet):
        assert_refused(run_drover(*build, "--previous", world.fleet.folder / "two.bundle"),
                       "DRV-2010", "V002__step_2.sql", "it was ", "is ")
        assert not path.exists()
        world.fleet.ok(*build)
        world.fleet.ok("bundle", "sign", path, "--key",
                       world.fleet.keys["release"]["sign"].path)
        answer = world.fleet.drover("bundle", "push", path)
    assert_refused(answer, "DRV-2010", "V002__step_2.sql", "an applied file never changes")
    digests = [word.strip(",") for word in answer.err.split() if len(word.strip(",")) == 64]
    assert len(set(digests)) == 2, answer


@pytest.fixture(scope="module")
def stranger(world, folder):
    """Another coordinator with a catalog of its own, which saw none of the bundles before."""
    cluster = configs.cluster(world.postgres, ["checksum", "ahead"])
    with Fleet(folder / "stranger", {"one": [cluster]},
               agent_changes={"inventory_refresh": "10min"}) as fleet:
        changed = effects.write(folder / "other", STANDING + 1)
        script = changed / "V002__step_2.sql"
        script.write_text(script.read_text() + "-- more\n")
        push(fleet, changed)
        stranger = World(fleet, world.postgres)
        for name in ("checksum", "ahead"):
            assert stranger.tenant(name)["applications"][0]["version"] == "V002"
        yield stranger


def test_changed_file_meets_the_ledger(stranger):
    was = stranger.postgres.value(
        "SELECT encode(script_digest, 'hex') FROM drover.history WHERE version = 'V002'",
        "checksum")
    with stranger.nothing_changes("checksum"):
        assert_job_refused(stranger, "checksum", "DRV-3027",
                           f"V002 was applied with digest {was[:16]}…, the bundle has ",
                           "restore the file that was applied")


def test_tenant_ahead(world, stranger, folder):
    """Told by the ledger where inventory is too old to know, and by inventory where it does."""
    world.agent_as()
    push(world.fleet, effects.write(folder / "four", STANDING + 2))
    rollout = rollouts.start(world.fleet, world.spec("ahead"))
    rollouts.assert_ends(world.fleet, rollout, "succeeded")
    bundles = world.fleet.ok("bundle", "list", "-o", "json").json["bundles"]
    older = next(row["digest"] for row in bundles
                 if (row["application"], row["head"]) == ("chain", "V003"))
    with world.nothing_changes("ahead"):
        assert_job_refused(stranger, "ahead", "DRV-3023",
                           "tenant ahead stands at V004, position 4; the bundle ends at position 3",
                           "use the newer bundle")
        spec = world.fleet.write_spec(older[:16], name="older.yaml", select="name=ahead",
                                      **NO_POINT)
        assert_says(world.fleet.ok("rollout", "plan", spec, "--no-sql").out, "DRV-3023",
                    "stands at V004, position 4; the bundle ends at V003, position 3")
        with unchanged.catalog(world.fleet):
            assert_refused(world.fleet.drover("rollout", "start", spec, "--yes"), "DRV-3023",
                           "'ahead'", "V004", "use the newer bundle")
