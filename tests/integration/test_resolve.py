"""What only a person can decide: an outcome whose agent or database is gone for good.

Judged by what an operator is shown, by the audit log, and by what later rollouts make of it.
"""
import pytest

from lib import configs, effects, gates, rollouts
from lib.fleet import Fleet

COUNT = 3
GATED = 2
READABLE, RULED, STATE, INVALID = "DRV-6031", "DRV-6032", "DRV-6007", "DRV-1006"
ASKED = 4  # exit code
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
ALL = [{"name": "all", "rest": True}]


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    tenants = [f"a{n}" for n in range(8)]
    postgres.create_tenants(tenants)
    agents = {"one": [configs.cluster(postgres, tenants)]}
    with Fleet(folder / "fleet", agents, coordinator_changes={"lease": "2s", "heartbeat": "100ms"},
               agent_changes={"heartbeat": "100ms", "reconnect_max": "100ms"}) as fleet:
        fleet.push_bundle(gates.write(folder / "chain", COUNT, gated=(GATED,)), "chain")
        rollouts.baseline(fleet, application="chain")
        yield fleet


@pytest.fixture
def held(fleet, postgres):
    opened = gates.Gates(postgres)
    yield opened
    opened.open_all()
    if not fleet.agents["one"].is_running():
        fleet.start_agent("one")


def in_doubt(fleet, held, tenant):
    """A rollout whose agent died in the middle of the tenant's job."""
    spec = fleet.write_spec("chain", select=f"name={tenant}", waves=ALL, **NO_POINT)
    held.shut(tenant)
    rollout = rollouts.start(fleet, spec)
    held.await_somebody(tenant)
    fleet.agents["one"].kill()
    rollouts.await_status(fleet, rollout, lambda s: s["counts"]["unknown"] == 1)
    return rollout


def resolve(fleet, tenant, rollout, ruling, *more):
    return fleet.drover("resolve", tenant, "--rollout", rollout, "--as", ruling, "--reason",
                        "the disk is gone", *more)


def task(fleet, rollout, tenant):
    return rollouts.tasks(fleet, rollout)[tenant]


def test_refused_while_evidence_can_be_read(fleet, postgres, held):
    held.shut("a0")
    spec = fleet.write_spec("chain", select="name=a0", waves=ALL, **NO_POINT)
    rollout = rollouts.start(fleet, spec)
    held.await_somebody("a0")
    refused = resolve(fleet, "a0", rollout, "applied", "--yes")
    assert refused.code == 1 and STATE in refused.err and "not in doubt" in refused.err
    held.open_all()
    rollouts.assert_ends(fleet, rollout, "succeeded")
    # in doubt, and the agent is back: it says what happened, nobody need rule
    rollout = in_doubt(fleet, held, "a1")
    shown = fleet.ok("rollout", "status", rollout, "-o", "json").json
    assert shown["counts"]["unknown"] == 1
    held.open_all()
    fleet.start_agent("one")
    rollouts.assert_ends(fleet, rollout, "succeeded")
    effects.assert_applied_once(postgres, "a1", COUNT)
    late = resolve(fleet, "a1", rollout, "gone", "--yes")
    assert late.code == 1 and STATE in late.err


def test_shown_before_it_is_asked(fleet, postgres, held):
    rollout = in_doubt(fleet, held, "a2")
    unasked = resolve(fleet, "a2", rollout, "applied")
    assert unasked.code == ASKED
    for words in ("LEDGER SAID", "NOBODY READS IT", "is not connected", "by your word alone"):
        assert words in unasked.out + unasked.err, words
    assert task(fleet, rollout, "a2")["state"] == "unknown"
    assert resolve(fleet, "nobody", rollout, "applied", "--yes").code == 1
    wrong = resolve(fleet, "a2", rollout, "maybe", "--yes")
    assert wrong.code == 2
    done = resolve(fleet, "a2", rollout, "applied", "--yes")
    assert done.code == 0, done
    rollouts.assert_ends(fleet, rollout, "succeeded")
    ruled = task(fleet, rollout, "a2")
    assert (ruled["state"], ruled["evidence"]) == ("succeeded", "ruled")
    assert "operator ruled it applied: the disk is gone" in ruled["notes"]
    row = fleet.ok("audit", "log", "--action", "task.resolve", "-o", "json").json["rows"][0]
    assert row["actor"] == "operator" and row["result"] == "ok" and row["tenant"]
    assert "the disk is gone" in row["detail"]
    again = resolve(fleet, "a2", rollout, "gone", "--yes")
    assert again.code == 1 and STATE in again.err
    # the agent comes back after all: what it says is told, though a person had ruled
    held.open_all()
    fleet.start_agent("one")
    gates.await_true(lambda: fleet.ok("audit", "log", "--action", "task.evidence", "-o",
                                      "json").json["rows"], "no evidence is told")
    effects.assert_applied_once(postgres, "a2", COUNT)


def test_not_applied_is_outweighed_by_evidence(fleet, postgres, held):
    rollout = in_doubt(fleet, held, "a3")
    done = resolve(fleet, "a3", rollout, "not-applied", "--yes")
    assert done.code == 0, done
    rollouts.assert_ends(fleet, rollout, "paused")  # its budget is spent
    ruled = task(fleet, rollout, "a3")
    assert (ruled["state"], ruled["code"], ruled["touched"]) == ("failed", RULED, False)
    held.open_all()
    fleet.start_agent("one")
    gates.await_true(lambda: task(fleet, rollout, "a3")["state"] == "succeeded",
                     "the agent's word does not count")
    assert task(fleet, rollout, "a3")["evidence"] == "verified"
    effects.assert_applied_once(postgres, "a3", COUNT)


def test_gone(fleet, held):
    rollout = in_doubt(fleet, held, "a4")
    done = resolve(fleet, "a4", rollout, "gone", "--yes")
    assert done.code == 0, done
    assert task(fleet, rollout, "a4")["state"] == "gone"
    assert rollouts.assert_ends(fleet, rollout, "succeeded")
    names = {row["name"] for row in fleet.ok("tenants", "-o", "json").json["tenants"]}
    assert "a4" not in names
    held.open_all()


def test_refused_where_another_agent_reads(fleet, postgres, held):
    """The agent is gone for good, and another one serves its cluster: that one finds out."""
    rollout = in_doubt(fleet, held, "a5")
    fleet.agent_clusters["two"] = fleet.agent_clusters["one"]
    fleet.keys["two"] = {"sign": fleet._key("two", "agent"), "curve": fleet._key("two", "curve"),
                         "backup": fleet._key("two", "backup")}
    fleet.write_agent("two")
    fleet.start_agent("two")
    gates.await_true(lambda: [row for row in fleet.ok("clusters", "-o", "json").json["clusters"]
                              if row["leased"] and row["agent"] == "two"], "nobody takes over")
    refused = resolve(fleet, "a5", rollout, "not-applied", "--yes")
    assert refused.code == 1 and READABLE in refused.err and "'two'" in refused.err
    assert task(fleet, rollout, "a5")["state"] == "unknown"
    held.open_all()
    fleet.ok("rollout", "retry", rollout, "--tenant", "a5")
    rollouts.assert_ends(fleet, rollout, "succeeded")
    effects.assert_applied_once(postgres, "a5", COUNT)
    fleet.agents["two"].stop()
