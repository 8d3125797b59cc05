"""drover doctor: a clean fleet is called clean; each thing that can be left behind is found, with the
command that mends it.
"""
import pytest

from lib import configs, effects, gates, rollouts
from lib.fleet import Fleet

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
    for name in names.values():
        postgres.run(f'DROP DATABASE "{name}"')
    await_clean(fleet)


def test_session_that_nobody_owns(fleet, postgres):
    connection = postgres.connect("a1", user="drover")
    with connection.cursor() as cursor:
        cursor.execute("SET application_name = 'drover agent'")
        cursor.execute("SELECT pg_advisory_lock(7)")
    row = await_finding(fleet, "backend", database="a1")
    assert "1 advisory locks" in row["what"] and row["severity"] == "error"
    assert "pg_terminate_backend" in row["command"]
    connection.close()
    await_clean(fleet)


def test_index_that_is_not_valid(fleet, postgres):
    """Read with the tenant: the next reading shows it, the one after the mending that it is gone."""
    postgres.run("CREATE TABLE public.bad (v int)", "a2")
    postgres.run("CREATE INDEX bad_v ON public.bad (v)", "a2")
    postgres.run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'bad_v'::regclass",
                 "a2")
    row = await_finding(fleet, "invalid_index", tenant="a2")
    assert row["database"] == "a2" and "public.bad_v" in row["what"]
    assert row["command"] == "psql -d 'a2' -c 'REINDEX INDEX CONCURRENTLY public.bad_v'"
    postgres.run("DROP TABLE public.bad", "a2")
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
