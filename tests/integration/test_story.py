"""The demo's story: canary, waves, a failure that stops the wave, a rollback that brings it back."""
import pytest

from lib import configs, migrations, rollouts
from lib.fleet import Fleet

TENANTS = [f"shop_{n:02d}" for n in range(8)]
WAVES = [{"name": "canary", "count": 2}, {"name": "quarter", "percent": "25%"},
         {"name": "rest", "rest": True}]
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    postgres.create_tenants(TENANTS)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, TENANTS)]}) as fleet:
        yield fleet


def position(postgres, tenant):
    """Where a tenant stands by what its schema shows: V010 and V011 leave an index, a constraint."""
    return postgres.value(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r'", tenant)


def test_story(fleet, postgres):
    fleet.push_bundle(migrations.EXAMPLE)
    rollouts.baseline(fleet)

    spec = fleet.write_spec("shop", waves=WAVES, **NO_POINT)
    plan = fleet.ok("rollout", "plan", spec, "-o", "json").json
    assert [wave["tenants"] for wave in plan["waves"]] == [2, 2, 4]
    first = rollouts.start(fleet, spec)
    rollouts.assert_ends(fleet, first, "succeeded")
    assert {position(postgres, tenant) for tenant in TENANTS} == {12}

    # Again: everything is at the head, and nobody is asked.
    again = rollouts.start(fleet, spec)
    rollouts.assert_ends(fleet, again, "succeeded")


def test_failure_stops_and_rollback_returns(fleet, postgres, folder):
    bad = TENANTS[3]  # in the second wave
    for tenant in TENANTS:
        postgres.run("SET ROLE tenant_owner;" + migrations.SHOP_DATA.read_text() +
                     "UPDATE customers SET country = 'DK' WHERE country IS NULL", tenant)
    before = {tenant: fleet.ok("tenant", "show", tenant, "-o", "json").json for tenant in TENANTS}
    postgres.run(
        "INSERT INTO customers (name, email, country) SELECT name, upper(email), country"
        " FROM customers LIMIT 1", bad)
    fleet.push_bundle(migrations.write_next(folder / "next"))
    spec = fleet.write_spec("shop", waves=WAVES, **NO_POINT)
    rollout = rollouts.start(fleet, spec)
    end = rollouts.follow(fleet, rollout)
    assert end["state"] == "paused"
    assert [wave["state"] for wave in end["waves"]] == ["passed", "failed", "pending"]
    failures = fleet.ok("rollout", "failures", rollout, "-o", "json").json
    assert [task["name"] for task in failures["tasks"]] == [bad]
    assert failures["tasks"][0]["sqlstate"] == "23505"

    rollouts.await_status(fleet, rollout, lambda told: told["in_flight"] == 0)
    answer = fleet.ok("rollback", rollout, "--yes", "--wait")
    assert answer.code == 0
    for tenant in TENANTS:
        shown = fleet.ok("tenant", "show", tenant, "-o", "json").json
        assert shown["tenant"]["applications"][0]["version"] == "V010", tenant
        assert (shown["tenant"]["applications"][0]["fingerprint_strict"] ==
                before[tenant]["tenant"]["applications"][0]["fingerprint_strict"]), tenant
