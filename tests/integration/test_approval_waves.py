"""A team of two, and what its signatures do to tenants: an order below its threshold touches
nobody, waves open by results or by a person, and who may only take back takes back alone.

What the people are shown stands in test_approvals.py; here the tenants are asked.
"""
import contextlib
import re
import sqlite3

import pytest

from lib import configs, effects, gates, rollouts, team
from lib.fleet import Fleet

TENANTS = [f"shop_{n}" for n in range(4)]
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
WAVES = [{"name": "first", "count": 1}, {"name": "second", "count": 1},
         {"name": "rest", "rest": True, "approval": True}]
GATED = 2


class Team:
    """The fleet's operator and bob, who order together; ruth, who takes back; vera, who reads."""

    def __init__(self, fleet, postgres):
        self.fleet = fleet
        self.postgres = postgres
        self.gates = gates.Gates(postgres)
        self.bob, self.ruth, self.vera = (team.Person(fleet, name)
                                          for name in ("bob", "ruth", "vera"))
        self.twin = team.Person(fleet, "operator", file="twin")
        second = team.Chain(fleet).publish(
            self.bob.added("operator", "approver"), self.ruth.added("rollback"),
            self.vera.added("viewer"), self.twin.added("operator"),
            ["threshold", "operator", "--count", 2])
        self.bob.write_config(pin=second)

    def contents(self):
        return [effects.contents(self.postgres, tenant) for tenant in TENANTS]

    def traces(self):
        return [effects.traces(self.postgres, tenant) for tenant in TENANTS]

    def spec(self, target, waves=None):
        return self.fleet.write_spec("chain", waves=waves or WAVES, target=target, **NO_POINT)

    def propose(self, target, *args, **changes):
        """Start with one signature of two; the rollout's id."""
        answer = self.fleet.drover("rollout", "start", self.spec(target, **changes), "--yes", "-o",
                                   "json", *args)
        assert answer.code == 4 and "DRV-7046" in answer.err, answer
        return answer.json["rollout"]

    def state(self, rollout):
        return rollouts.status(self.fleet, rollout)["state"]

    def await_waves(self, rollout, *states):
        return rollouts.await_status(
            self.fleet, rollout,
            lambda status: [wave["state"] for wave in status["waves"]] == list(states))

    def assert_stories(self, *stories):
        for tenant, story in zip(TENANTS, stories):
            effects.assert_story(self.postgres, tenant, story)

    def catalog(self, question, *values):
        with contextlib.closing(sqlite3.connect(
                f"file:{self.fleet.folder / 'catalog.sqlite'}?mode=ro", uri=True)) as catalog:
            return catalog.execute(question, values).fetchall()


def refused(answer, code, exit_code=1):
    assert answer.code == exit_code and code in answer.err, answer
    assert answer.err.count("\nHINT: ") >= 1, answer
    return answer


@pytest.fixture(scope="module")
def people(folder, postgres):
    postgres.create_tenants(TENANTS)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, TENANTS)]}) as fleet:
        fleet.push_bundle(gates.write(folder / "chain", 4, gated=(GATED,)), "chain")
        rollouts.baseline(fleet, application="chain")
        yield Team(fleet, postgres)


def test_the_file_is_the_coordinators(people):
    shown = people.vera.ok("trust", "show", "-o", "json").json
    assert shown["version"] == 2
    assert people.catalog("SELECT version, published_by FROM trust_file ORDER BY version") == [
        (1, "the pin"), (2, "operator")]


@pytest.fixture(scope="module")
def planned(people):
    """A rollout that one of two people has signed, and how the tenants stood before."""
    return people.propose("V001"), people.contents()


def test_one_signature_short(people, planned):
    rollout, before = planned
    assert people.state(rollout) == "planned"
    assert people.catalog("SELECT accepted_us FROM signed_order WHERE rollout_id = ?",
                          rollout) == [(0,)]
    refused(people.fleet.drover("rollout", "approve", rollout, "--yes"), "DRV-7004")
    # another key of the same person is no other person; a viewer and a rollback key sign no order
    refused(people.twin.drover("rollout", "approve", rollout, "--yes"), "DRV-7081")
    for who in (people.ruth, people.vera):
        refused(who.drover("rollout", "approve", rollout, "--yes"), "DRV-7015")
    refused(people.bob.drover("rollout", "approve", rollout, "--wave", "rest", "--yes"), "DRV-6007")
    assert people.state(rollout) == "planned"
    assert all(task["attempts"] == 0 for task in rollouts.tasks(people.fleet, rollout).values())
    assert people.contents() == before


def test_the_second_starts_it(people, planned):
    rollout, _ = planned
    unsaid = refused(people.bob.drover("rollout", "approve", rollout), "DRV-1014", exit_code=4)
    digest = people.catalog("SELECT order_digest FROM rollout WHERE rollout_id = ?", rollout)[0][0]
    assert re.search(rf"^digest +{digest}$", unsaid.out, re.MULTILINE), unsaid
    assert re.search(r"^proposed by     [0-9a-f]{64} of operator$", unsaid.out, re.MULTILINE)
    assert "waves           1: 1 tenant" in unsaid.out and "tenants with work: 4" in unsaid.out
    for tenant in TENANTS:
        assert tenant in unsaid.out
    assert people.state(rollout) == "planned"
    people.bob.ok("rollout", "approve", rollout, "--yes")

    # the second wave opens by what the agent signed of the first, the third by nobody so far
    waiting = people.await_waves(rollout, "passed", "passed", "awaiting")
    assert f"drover rollout approve {rollout[:8]} --wave 'rest'" in waiting["reason"]
    assert people.catalog("SELECT wave FROM ticket ORDER BY wave") == [(1,)]
    people.assert_stories("V001", "V001", "", "")


def test_an_approval_opens_the_wave(people, planned):
    rollout, _ = planned
    watching = people.bob.drover("rollout", "watch", rollout, "--timeout", "1s")
    assert watching.code in (4, 5) and "drover rollout approve" in watching.out + watching.err
    for who in (people.twin, people.ruth, people.vera):
        refused(who.drover("rollout", "approve", rollout, "--wave", "rest", "--yes"), "DRV-7015")
    people.assert_stories("V001", "V001", "", "")
    people.bob.ok("rollout", "approve", rollout, "--wave", "rest", "--yes")
    rollouts.assert_ends(people.fleet, rollout, "succeeded")
    people.assert_stories("V001", "V001", "V001", "V001")
    refused(people.bob.drover("rollout", "approve", rollout, "--wave", "rest", "--yes"), "DRV-")


def test_a_spent_budget_and_a_resume(people):
    """The tenant of the first wave fails: nothing but a person opens the second."""
    people.gates.shut(TENANTS[0], how="fail")
    try:
        rollout = people.propose("V002", waves=WAVES[:2] + [{"name": "rest", "rest": True}])
        people.bob.ok("rollout", "approve", rollout, "--yes")
        rollouts.assert_ends(people.fleet, rollout, "paused")
    finally:
        people.gates.open_all()
    people.assert_stories("V001", "V001", "V001", "V001")
    for who in (people.ruth, people.vera):
        refused(who.drover("rollout", "resume", rollout, "--yes"), "DRV-7015")
    assert people.state(rollout) == "paused"
    people.bob.ok("rollout", "resume", rollout, "--yes", "--reason", "shop_0 is known to be ill")
    rollouts.assert_ends(people.fleet, rollout, "incomplete")
    people.assert_stories("V001", "V001 V002", "V001 V002", "V001 V002")
    subject = people.catalog("SELECT order_digest FROM rollout WHERE rollout_id = ?", rollout)[0][0]
    approvals = people.catalog("SELECT wave FROM signed_order WHERE subject = ? AND kind = 12"
                               " AND accepted_us > 0", subject)
    assert approvals == [(1,)]
    people.fleet.ok("rollout", "retry", rollout)
    rollouts.assert_ends(people.fleet, rollout, "succeeded")
    people.assert_stories(*["V001 V002"] * 4)


def test_who_takes_back_takes_back_alone(people):
    before = people.contents()
    for who in (people.ruth, people.vera):
        refused(who.drover("rollout", "start", people.spec("V003"), "--yes"), "DRV-7015")
        refused(who.drover("baseline", "--select", "all", "--at", "V003", "--application", "chain",
                           "--yes"), "DRV-")
    assert people.contents() == before
    done = rollouts_of(people)[0]
    refused(people.vera.drover("rollback", done, "--yes"), "DRV-7015")
    assert people.contents() == before
    people.ruth.ok("rollback", done, "--yes", "--wait")
    people.assert_stories(*["V001 V002 -V002"] * 4)
    for tenant in TENANTS:
        effects.forget(people.postgres, tenant, "V001")


def rollouts_of(people):
    """Ids, the newest first."""
    listed = people.vera.ok("rollout", "list", "--all", "-o", "json").json["rollouts"]
    return [row["rollout"] for row in listed]


def test_a_saved_plan(people):
    """What was planned yesterday is what two people sign today, or nothing is."""
    plan = people.fleet.folder / "saved.plan"
    people.fleet.ok("rollout", "plan", people.spec("V003", [{"name": "all", "rest": True}]),
                    "--out", plan)
    answer = people.fleet.drover("rollout", "start", plan, "--yes", "-o", "json")
    assert answer.code == 4 and "DRV-7046" in answer.err, answer
    rollout = answer.json["rollout"]
    people.bob.ok("rollout", "approve", rollout, "--yes")
    rollouts.assert_ends(people.fleet, rollout, "succeeded")
    people.assert_stories(*["V001 V002 V003"] * 4)
    before, known = people.contents(), rollouts_of(people)
    refused(people.fleet.drover("rollout", "start", plan, "--yes"), "DRV-6012")
    assert (people.contents(), rollouts_of(people)) == (before, known)
