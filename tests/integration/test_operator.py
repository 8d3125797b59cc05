"""What an operator reads of a rollout that rests: notes line by line, a bound by its name."""
import shutil

import pytest

from lib import configs, effects, gates, migrations, rollouts
from lib.fleet import ONLINE, Fleet
from lib.gates import await_true

TENANTS = ["shop_0", "shop_1"]


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    postgres.create_tenants(TENANTS)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, TENANTS)]},
               coordinator_changes={"limits": {"rollouts": 1}}) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def paused(fleet, postgres):
    """A rollout that found two tables which nobody told Drover of."""
    fleet.push_bundle(migrations.EXAMPLE)
    rollouts.baseline(fleet)
    postgres.run("SET ROLE tenant_owner; CREATE TABLE a (n int); CREATE TABLE b (n int)",
                 TENANTS[0])
    spec = fleet.write_spec("shop", select=f"name={TENANTS[0]}",
                            recovery_point={"policy": "none", "reason": "throwaway data"})
    rollout = rollouts.start(fleet, spec)
    assert rollouts.follow(fleet, rollout)["state"] == "paused"
    return rollout


def test_failures_stand_line_by_line(fleet, paused):
    shown = fleet.ok("rollout", "failures", paused).out
    notes = fleet.ok("rollout", "failures", paused, "-o", "json").json["tasks"][0]["notes"]
    assert "DRV-3025" in shown
    assert "\\x0a" not in shown
    assert len(notes.splitlines()) > 1
    for line in notes.splitlines()[1:]:
        assert f"\n    {line}\n" in shown


def test_report(fleet, paused):
    report = fleet.ok("rollout", "report", paused).out
    assert "\n| Tenants | 1 |\n" in report
    assert f"\n## Notes\n\n### {TENANTS[0].replace('_', chr(92) + '_')}\n\n    " in report
    assert "\\x0a" not in report


def test_one_rollout_too_many(fleet, paused):
    answer = fleet.drover("backup", "create", "--tenant", TENANTS[1])
    assert answer.code != 0
    assert "limits.rollouts" in answer.err
    assert len(fleet.ok("rollout", "list", "-o", "json").json["rollouts"]) == 1
    fleet.ok("rollout", "stop", paused)
    fleet.ok("backup", "create", "--tenant", TENANTS[1])


def trace(postgres, tenant):
    """What a DBA would see move: the ledger's rows and the tenant's tables."""
    return (postgres.run("SELECT h::text FROM drover.history h ORDER BY seq",
                         tenant),
            postgres.value("SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class"
                           " WHERE relnamespace = 'public'::regnamespace", tenant))


def test_look(fleet, paused, postgres):
    """Inventory believes both at the target; one has drifted, and only a look finds it."""
    for rollout in fleet.ok("rollout", "list", "-o", "json").json["rollouts"]:
        rollouts.follow(fleet, rollout["rollout"])
    postgres.run("SET ROLE tenant_owner; DROP TABLE a; DROP TABLE b", TENANTS[0])
    spec = fleet.write_spec("shop", recovery_point={"policy": "none", "reason": "throwaway data"},
                            on_failure="continue")
    rollouts.assert_ends(fleet, rollouts.start(fleet, spec), "succeeded")
    postgres.run("SET ROLE tenant_owner; CREATE TABLE by_hand (n int)", TENANTS[1])
    before = [trace(postgres, tenant) for tenant in TENANTS]

    believed = rollouts.assert_ends(fleet, rollouts.start(fleet, spec), "succeeded")
    assert believed["evidence"]["inventory"] == 2
    assert believed["evidence"]["verified"] == 0
    shown = fleet.ok("rollout", "status", believed["rollout"]).out
    assert "at target   0 verified, 2 from inventory (age " in shown

    plan = fleet.ok("rollout", "plan", spec, "--look", "-o", "json").json
    assert [row["name"] for row in plan["looked_at"]] == TENANTS
    assert plan["passed_over"] == []
    seen = rollouts.assert_ends(fleet, rollouts.start(fleet, spec, "--look"), "incomplete")
    assert (seen["evidence"]["verified"], seen["evidence"]["inventory"]) == (1, 0)
    assert seen["counts"]["not_needed"] == seen["counts"]["refused"] == 1
    assert seen["touched"] == 0
    failures = fleet.ok("rollout", "failures", seen["rollout"]).out
    assert f"{TENANTS[1]} " in failures
    assert "DRV-3025" in failures and "by_hand" in failures
    report = fleet.ok("rollout", "report", seen["rollout"]).out
    assert " | verified | " in report
    assert [trace(postgres, tenant) for tenant in TENANTS] == before


def test_agents_name_their_clusters(fleet, postgres):
    shown = fleet.ok("agents").out
    assert f" {postgres.name} " in shown
    assert "[" not in shown


def task_of(fleet, rollout):
    return fleet.ok("rollout", "report", rollout, "-o", "json").json["tasks"][0]


def blocker_of(fleet, rollout):
    return rollouts.status(fleet, rollout)["clusters"][0]


def test_a_job_that_is_sent_again_runs_once(folder, postgres):
    """An agent is back, with nothing in hand and before its lease has ended, while what it began
    still runs: nothing goes to it until an administrator has looked; then the job comes again, and
    the tenant is changed once."""
    tenant = "again_0"
    postgres.create_tenants([tenant])
    doors = gates.Gates(postgres)
    with Fleet(folder / "again", {"one": [configs.cluster(postgres, [tenant])]}) as fleet:
        fleet.push_bundle(gates.write(folder / "again" / "chain", 3, gated=[2]))
        rollouts.baseline(fleet)
        doors.shut(tenant)
        rollout = rollouts.start(fleet, fleet.write_spec(
            "shop", recovery_point={"policy": "none", "reason": "throwaway data"}))
        doors.await_somebody(tenant)
        fleet.agents["one"].kill()
        shutil.rmtree(folder / "again" / "one" / "state")  # it does not know its own attempt
        fleet.write_agent("one")
        mark = fleet.coordinator.mark()
        fleet.start_agent("one")
        fleet.coordinator.wait_for_line(rf"{ONLINE}.*\bagent=one\b", after=mark)
        await_true(lambda: blocker_of(fleet, rollout)["code"] == "DRV-6080", "no blocker")
        assert "'one' is suspended" in blocker_of(fleet, rollout)["blocker"]
        assert "'drover agents resume one --reason TEXT'" in fleet.ok("agents").out
        assert "agent_suspended" in fleet.drover("doctor").out
        assert task_of(fleet, rollout)["state"] == "unknown"
        doors.open_all()
        fleet.coordinator.stop()
        fleet.start_coordinator()  # which remembers
        await_true(lambda: blocker_of(fleet, rollout)["code"] == "DRV-6080", "no blocker")
        refused = fleet.drover("agents", "resume", "one", "--yes")
        assert refused.code == 2 and "--reason" in refused.err
        fleet.ok("agents", "resume", "one", "--reason", "its disk was replaced", "--yes")
        rollouts.assert_ends(fleet, rollout, "succeeded")
        effects.assert_applied_once(postgres, tenant, 3)
        assert task_of(fleet, rollout)["attempts"] == 1
        assert "agent_suspended" not in fleet.drover("doctor").out
        log = fleet.ok("audit", "log", "--action", "agents.resume", "-o", "json").json["rows"]
        assert "its disk was replaced" in log[0]["detail"] and log[0]["result"] == "ok"


NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
FAR = ["far_0", "far_1"]


@pytest.fixture(scope="module")
def far(folder, postgres):
    """A fleet whose only agent is away."""
    postgres.create_tenants(FAR)
    with Fleet(folder / "far", {"one": [configs.cluster(postgres, FAR)]}) as fleet:
        fleet.push_bundle(migrations.EXAMPLE)
        rollouts.baseline(fleet)
        fleet.agents["one"].stop()
        yield fleet


def start_far(fleet, policy):
    name = f"{policy}.yaml"
    spec = fleet.write_spec("shop", name=name, unreachable=policy, **NO_POINT)
    return rollouts.start(fleet, spec)


def assert_told(answer, *words):
    for word in words:
        assert word in answer.out + answer.err, answer


AWAY = ("DRV-6013", "its agent 'one' is not connected, last seen ", "\n  HINT: check the agent")


def test_out_of_reach_counts(far, postgres):
    rollout = start_far(far, "count")
    rollouts.assert_ends(far, rollout, "paused")
    cluster = f"cluster '{postgres.name}': no agent had acted on its cluster for "
    assert_told(far.ok("rollout", "failures", rollout), "failed, never tried", cluster, *AWAY)
    assert_told(far.ok("rollout", "status", rollout), cluster, *AWAY)
    far.ok("rollout", "stop", rollout)


def test_out_of_reach_waits_or_is_skipped(far, postgres):
    skipping = start_far(far, "skip")
    rollouts.assert_ends(far, skipping, "incomplete")
    shown = far.ok("rollout", "failures", skipping)
    assert_told(shown, *[f"{name} (cluster {postgres.name}, database {name}): skipped, never tried"
                         for name in FAR], f"drover rollout retry {skipping[:8]}", *AWAY)
    waiting = start_far(far, "wait")
    for command in ("status", "failures"):
        assert_told(far.ok("rollout", command, waiting),
                    f"cluster {postgres.name}: 2 tenants wait: ", *AWAY)
    assert_told(far.ok("clusters"), "its agent 'one' is not connected")
    far.start_agent("one")
    rollouts.assert_ends(far, waiting, "succeeded")
    assert far.ok("clusters", "-o", "json").json["clusters"][0]["problem"] == ""
    # the later order was accepted for these tenants: the earlier one has nothing to say any more
    refused = far.drover("rollout", "retry", skipping)
    assert refused.code == 1, refused
    for words in ("DRV-7022", "sign a new one", waiting[:8], "drover rollout start"):
        assert words in refused.err, refused
    assert rollouts.status(far, skipping)["state"] == "incomplete"  # nothing was set back
