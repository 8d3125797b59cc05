"""drover doctor: a clean fleet is called clean; each thing that can be left behind is found, with the
command that mends it.
"""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lib import configs, effects, gates, rollouts
from lib.fleet import COMMAND_S, Fleet, program

FINDINGS = "DRV-6033"
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
COUNT = 3


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    tenants = [f"a{n}" for n in range(4)]
    postgres.create_tenants(tenants)
    agents = {"one": [configs.cluster(postgres, tenants)]}
    with Fleet(folder / "fleet", agents, coordinator_changes={"lease": "2s", "heartbeat": "100ms"},
               agent_changes={"heartbeat": "100ms", "reconnect_max": "100ms"}) as fleet:
        fleet.push_bundle(gates.write(folder / "chain", COUNT, gated=(2,)), "chain")
        rollouts.baseline(fleet, application="chain")
        yield fleet


def findings(fleet):
    """The findings; the exit code tells whether there are any."""
    answer = fleet.drover("doctor", "-o", "json")
    assert answer.code == (1 if answer.json["findings"] else 0), answer
    assert (FINDINGS in answer.err) == bool(answer.json["findings"])
    assert answer.json["found"] == len(answer.json["findings"])
    return answer.json["findings"]


def await_finding(fleet, kind, **members):
    """Until there is one of the kind, with these members."""
    found = []

    def there():
        found[:] = [row for row in findings(fleet) if row["kind"] == kind
                    and all(row[key] == value for key, value in members.items())]
        return found

    gates.await_true(there, f"no {kind} is found: {findings(fleet)}")
    assert found[0]["command"] and found[0]["what"]
    return found[0]


def await_clean(fleet):
    gates.await_true(lambda: not findings(fleet), "it does not get clean")
    assert "0 findings" in fleet.ok("doctor").out


def mend(fleet, postgres, row):
    """Run the words that the finding printed, as an administrator of the host and of the server
    would; Drover's own command asks first."""
    env = {**os.environ, "PGHOST": str(postgres.socket_folder), "PGPORT": str(postgres.port),
           "PGUSER": "postgres", "DROVER_CONFIG": str(fleet.folder / "drover.yaml"),
           "PATH": f"{postgres.programs}:{Path(program('drover')).parent}:{os.environ['PATH']}"}
    command = row["command"] + (" --yes --wait" if row["command"].startswith("drover ") else "")
    done = subprocess.run(["sh", "-ec", command], env=env, cwd=fleet.folder, capture_output=True,
                          text=True, timeout=COMMAND_S, check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)


def test_clean(fleet):
    await_clean(fleet)


def test_databases_that_were_left(fleet, postgres):
    names = {"trial_database": "drover_trial_0123456789abcdef",
             "restore_database": "a0_drover_new_01234567", "kept_database": "a0_drover_old_01234567"}
    for name in names.values():
        postgres.run(f'CREATE DATABASE "{name}"')
    for kind, name in names.items():
        row = await_finding(fleet, kind, database=name)
        assert row["cluster"] == "main" and f'DROP DATABASE "{name}"' in row["command"]
    text = fleet.drover("doctor")
    assert text.code == 1 and "mend: psql" in text.out and "3 findings" in text.out
    for kind, name in names.items():
        mend(fleet, postgres, await_finding(fleet, kind, database=name))
    await_clean(fleet)


def test_session_that_nobody_owns(fleet, postgres):
    connection = postgres.connect("a1", user="drover")
    with connection.cursor() as cursor:
        cursor.execute("SET application_name = 'drover agent'")
        cursor.execute("SELECT pg_advisory_lock(7)")
    row = await_finding(fleet, "backend", database="a1")
    assert "1 advisory locks" in row["what"] and row["severity"] == "error"
    assert "pg_terminate_backend" in row["command"]
    mend(fleet, postgres, row)
    await_clean(fleet)
    connection.close()


def test_index_that_is_not_valid(fleet, postgres):
    """Read with the tenant: the next reading shows it, the one after the mending that it is gone."""
    postgres.run("CREATE TABLE public.bad (v int)", "a2")
    postgres.run("CREATE INDEX bad_v ON public.bad (v)", "a2")
    postgres.run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'bad_v'::regclass",
                 "a2")
    row = await_finding(fleet, "invalid_index", tenant="a2")
    assert row["database"] == "a2" and "public.bad_v" in row["what"]
    assert row["command"] == "psql -d 'a2' -c 'REINDEX INDEX CONCURRENTLY public.bad_v'"
    mend(fleet, postgres, row)
    await_clean(fleet)
    assert postgres.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'bad_v'::regclass",
                          "a2")
    postgres.run("DROP TABLE public.bad", "a2")


def test_lock_in_other_hands(fleet, postgres):
    """Drover's own lock on a tenant, taken by somebody by hand and not given back."""
    taken = "SELECT classid, objid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1"
    held = gates.Gates(postgres)
    spec = fleet.write_spec("chain", select="name=a0", waves=[{"name": "all", "rest": True}],
                            **NO_POINT)
    held.shut("a0")
    rollout = rollouts.start(fleet, spec)
    held.await_somebody("a0")
    keys = {tuple(row) for row in postgres.run(taken + " AND pid IN (SELECT pid FROM "
            "pg_stat_activity WHERE application_name = 'drover agent' AND datname = 'a0')", "a0")}
    held.open_all()
    rollouts.assert_ends(fleet, rollout, "succeeded")
    connection = postgres.connect("a0")
    with connection.cursor() as cursor:
        for high, low in keys:
            number = high << 32 | low
            number -= (1 << 64) if number >= 1 << 63 else 0
            cursor.execute("SELECT pg_advisory_lock(%s)", (number,))
    row = await_finding(fleet, "lock", tenant="a0")
    assert "application chain" in row["what"] and row["severity"] == "error"
    assert row["command"].startswith("psql -d 'a0' -c 'SELECT pg_terminate_backend(")
    mend(fleet, postgres, row)
    await_clean(fleet)
    connection.close()


def child_called(name):
    """The arguments of a pg_dump that hold this word, NULL-ended as /proc has them."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:  # it ended meanwhile
            continue
        if name.encode() in line and b"pg_dump" in line:
            return line
    raise AssertionError(f"no pg_dump has {name}")


def test_tools_that_nobody_owns(fleet, postgres):
    """A pg_dump bears its agent's name at the server, and says no secret for that; a session of
    that name that no job owns is found, another agent's is none of its business."""
    mine = ("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'drover tool of one' "
            "AND usename = 'drover' AND datname = 'a0'")
    table = postgres.value("SELECT min(tablename) FROM pg_tables WHERE schemaname = 'public'", "a0")
    holder = postgres.connect("a0")
    try:
        with holder.cursor() as cursor:
            cursor.execute(f'BEGIN; LOCK TABLE public."{table}" IN ACCESS EXCLUSIVE MODE')
        fleet.ok("backup", "create", "--select", "name=a0", "--yes")
        gates.await_true(lambda: postgres.value(mine), "pg_dump does not come to the lock")
        line = child_called(f"{postgres.port}")
        assert b"application_name='drover tool of one'" in line and b"password=" not in line
        assert not [row for row in findings(fleet) if row["kind"] == "tool"]  # it has a job
    finally:
        holder.close()
    left = {name: postgres.connect("a0", user="drover") for name in ("one", "two")}
    for name, connection in left.items():
        with connection.cursor() as cursor:
            cursor.execute(f"SET application_name = 'drover tool of {name}'")
    row = await_finding(fleet, "tool", database="a0")
    assert row["severity"] == "error" and row["cluster"] == "main" and "pid " in row["what"]
    assert "'drover tool of one'" in row["command"]
    mend(fleet, postgres, row)
    await_clean(fleet)
    assert postgres.value(mine) == 0
    assert postgres.value(mine.replace("of one", "of two")) == 1
    for connection in left.values():
        connection.close()


def folder_of(fleet, tenant):
    """The tenant's folder of backups, which has one."""
    shown = fleet.ok("tenant", "show", tenant, "-o", "json").json["tenant"]
    return fleet.folder / "one" / "backups" / shown["tenant"]


def test_partial_backup(fleet, postgres):
    """What a killed worker leaves. One that lives holds its file, which is then nothing to tell."""
    fleet.ok("backup", "create", "--select", "name=a1", "--yes", "--wait")
    whole = {path.name for path in folder_of(fleet, "a1").iterdir()}
    data = next(path for path in folder_of(fleet, "a1").iterdir() if path.suffix == ".dbk")
    partial = data.with_name(data.name.replace(data.name[:16], "20200101T000000Z") + ".partial")
    shutil.copy(data, partial)
    row = await_finding(fleet, "backup_partial")
    assert row["command"] == f"rm -- '{partial}'"
    assert "on the host of agent 'one'" in row["what"]
    mend(fleet, postgres, row)
    await_clean(fleet)
    assert {path.name for path in folder_of(fleet, "a1").iterdir()} == whole


def test_backups_past_their_retention(fleet, postgres):
    """What went past its retention a moment ago is nothing to tell: pruning has days for it. How
    that is told once they are over stands in tests/unit/agent/backup/backup_left.c."""
    fleet.agents["one"].stop()
    fleet.write_agent("one", backup={"keep": "1s", "keep_count": 1})
    fleet.start_agent("one")
    fleet.ok("backup", "create", "--select", "name=a1", "--yes", "--wait")
    partial = folder_of(fleet, "a1") / "20200101T000000Z-x.dbk.partial"
    partial.touch()
    row = await_finding(fleet, "backup_partial")  # of a look at that same folder
    assert [found["kind"] for found in findings(fleet)] == ["backup_partial"]
    mend(fleet, postgres, row)
    await_clean(fleet)
    assert len(list(folder_of(fleet, "a1").glob("*.dbk"))) == 2
    fleet.ok("backup", "prune", "--select", "agent=one", "--yes", "--wait")
    assert len(list(folder_of(fleet, "a1").glob("*.dbk"))) == 1


def test_folder_that_nobody_prunes(fleet, postgres):
    """Backups of a tenant that the agent does not have any more."""
    nobodys = folder_of(fleet, "a1").with_name("00000000-0000-4000-8000-00000000dead")
    shutil.copytree(folder_of(fleet, "a1"), nobodys)
    row = await_finding(fleet, "backup_orphan")
    aside = nobodys.with_name("quarantine")
    assert row["command"] == (f"mkdir -p -m 700 -- '{aside}' && "
                              f"mv -n -- '{nobodys}' '{aside}/'")
    assert row["severity"] == "note" and "no tenant of the catalog" in row["what"]
    mend(fleet, postgres, row)
    await_clean(fleet)
    kept = aside / nobodys.name
    assert not nobodys.exists() and aside.stat().st_mode & 0o777 == 0o700
    assert ({path.name for path in kept.iterdir()}
            == {path.name for path in folder_of(fleet, "a1").iterdir()})
    kept.rename(nobodys)  # nothing was lost by it: where it is back, it is found again
    mend(fleet, postgres, await_finding(fleet, "backup_orphan"))
    await_clean(fleet)


def test_task_in_doubt_and_agent_away(fleet, postgres):
    held = gates.Gates(postgres)
    spec = fleet.write_spec("chain", select="name=a3", waves=[{"name": "all", "rest": True}],
                            **NO_POINT)
    held.shut("a3")
    rollout = rollouts.start(fleet, spec)
    held.await_somebody("a3")
    fleet.agents["one"].kill()
    row = await_finding(fleet, "task_in_doubt", tenant="a3")
    assert row["command"].startswith(f"drover resolve a3 --rollout {rollout[:8]} --as ")
    assert "not connected" in await_finding(fleet, "agent_silent")["what"]
    assert await_finding(fleet, "cluster_out_of_reach")["cluster"] == "main"
    held.open_all()
    fleet.start_agent("one")
    rollouts.assert_ends(fleet, rollout, "succeeded")
    effects.assert_applied_once(postgres, "a3", COUNT)
    await_clean(fleet)


def test_clone(fleet, postgres):
    postgres.run('CREATE DATABASE "a1_copy" TEMPLATE a1 OWNER tenant_owner')
    fleet.agents["one"].stop()
    fleet.agent_clusters["one"] = [configs.cluster(postgres, ["a0", "a1", "a2", "a3", "a1_copy"])]
    fleet.write_agent("one")
    fleet.start_agent("one")
    row = await_finding(fleet, "clone", database="a1_copy")
    assert "DRV-3021" in row["what"] and "drop the copy" in row["command"]
