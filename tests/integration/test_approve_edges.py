"""Signatures that do not count, or come too late: what `drover rollout approve` says of each, by
which code, and that nothing is started, opened or kept by it.
"""
import json

import pytest

from lib import configs, effects, gates, rollouts, signer, team
from lib.fleet import Fleet, program

TENANTS = [f"shop_{n}" for n in range(3)]
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
WAVES = [{"name": "first", "count": 1}, {"name": "second", "count": 1, "approval": True},
         {"name": "rest", "rest": True, "approval": True}]


class Team:
    """Two people sign an order; a wave opens by an approver who did not propose it."""

    def __init__(self, fleet, postgres):
        self.fleet = fleet
        self.postgres = postgres
        self.twin = team.Person(fleet, "operator", file="twin")
        self.bob, self.carl, self.ann, self.vera = (
            team.Person(fleet, name) for name in ("bob", "carl", "ann", "vera"))
        team.Chain(fleet).publish(
            self.twin.added("operator"), self.bob.added("operator", "approver"),
            self.carl.added("operator"), self.ann.added("approver"), self.vera.added("viewer"),
            ["threshold", "operator", "--count", 2],
            ["threshold", "approver", "--count", 1, "--proposer-apart"])

    def propose(self, target):
        spec = self.fleet.write_spec("chain", waves=WAVES, target=target, **NO_POINT)
        answer = self.fleet.drover("rollout", "start", spec, "--yes", "-o", "json")
        assert answer.code == 4 and "DRV-7046" in answer.err, answer
        return answer.json["rollout"]

    def await_wave(self, rollout, number):
        return rollouts.await_status(
            self.fleet, rollout, lambda status: status["waves"][number]["state"] == "awaiting")

    def kept(self):
        """Every order that the coordinator keeps, with its signatures."""
        rows = [json.loads(line) for line in self.fleet.ok("audit", "export").out.splitlines()]
        return sorted((row["digest"], row["accepted_us"], row["document"]) for row in rows
                      if row["type"] == "order")

    def counts(self):
        return [len(effects.tables(self.postgres, tenant)) for tenant in TENANTS]

    def meanwhile(self, who, *line):
        """Have this happen while bob signs the order: after he was shown it, before he sends it."""
        count, script = (self.fleet.folder / name for name in ("count", "racing.sh"))
        words = " ".join(f"'{word}'" for word in line)
        command = signer.command(self.bob.keys["operator"].path, self.fleet.folder)
        script.write_text(f"if [ \"$(wc -l < '{count}')\" -eq 1 ]; then\n"
                          f"  DROVER_CONFIG='{who}' '{program('drover')}' {words} "
                          f"< /dev/null > /dev/null 2>&1 || exit 1\nfi\n"
                          f"echo x >> '{count}'\nexec {command}\n")
        count.write_text("")
        tree = configs.operator(self.fleet.address, self.fleet.keys["coordinator"],
                                {"sign": self.bob.keys["operator"],
                                 "curve": self.bob.keys["curve"]})
        tree["keys"]["signer"] = f"sh '{script}'"
        self.bob.config.write_text(configs.yaml(tree))


@pytest.fixture(scope="module")
def people(folder, postgres):
    postgres.create_tenants(TENANTS)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, TENANTS)]}) as fleet:
        fleet.push_bundle(gates.write(folder / "chain", 3, gated=()), "chain")
        rollouts.baseline(fleet, application="chain")
        yield Team(fleet, postgres)


@pytest.fixture(scope="module")
def planned(people):
    return people.propose("V001")


def refused(people, who, code, says, *line):
    """What it says, and that no order is kept but those that were, with no signature more. Without
    --yes: nobody is asked to read what cannot be signed."""
    before = people.kept()
    answer = who.drover("rollout", "approve", *line)
    assert answer.code == 1 and f"{code} " in answer.err and says in answer.err, answer
    assert answer.err.count("HINT: ") == 1, answer
    assert people.kept() == before
    return answer


def test_one_person_twice(people, planned):
    """By the same key, and by another key of theirs; neither starts it."""
    refused(people, people.fleet, "DRV-7004", "operator has signed this order already", planned)
    refused(people, people.twin, "DRV-7081", "operator has signed this order with another key",
            planned)
    assert people.counts() == [0, 0, 0]


def test_who_may_not(people, planned):
    for who in (people.ann, people.vera):
        refused(people, who, "DRV-7015", "", planned, "--yes")
    assert rollouts.status(people.fleet, planned)["state"] == "planned"


def test_a_wave_of_what_has_not_begun(people, planned):
    refused(people, people.bob, "DRV-6007", "waits for signatures itself: leave out --wave",
            planned, "--wave", "second")


def test_what_has_started_waits_for_nobody(people, planned):
    people.bob.ok("rollout", "approve", planned, "--yes")
    people.await_wave(planned, 1)
    for who in (people.fleet, people.bob, people.twin, people.carl):
        refused(people, who, "DRV-6007", "is running: its order waits for no signature; --wave",
                planned)
    assert people.counts() == [1, 0, 0]


@pytest.mark.parametrize("wave, code, says", [
    ("nine", "DRV-1005", "no wave 'nine'"), ("4", "DRV-1005", "no wave '4'"),
    ("0", "DRV-1005", "no wave '0'"), ("first", "DRV-6007", "wave 'first' of rollout"),
    ("1", "DRV-6007", "is passed already")])
def test_the_wrong_wave(people, planned, wave, code, says):
    refused(people, people.bob, code, says, planned, "--wave", wave)


def test_who_proposed_opens_no_wave(people, planned):
    """Where the trust file wants the proposer apart; nor does who is no approver."""
    refused(people, people.fleet, "DRV-7011", "operator: proposed it", planned, "--wave", "second",
            "--yes")
    for who in (people.twin, people.carl, people.vera):
        refused(people, who, "DRV-7015", "needs the role approver", planned, "--wave", "second")
    assert people.counts() == [1, 0, 0]


def test_a_wave_is_opened_once(people, planned):
    asked = people.ann.drover("rollout", "approve", planned, "--wave", "second")
    assert asked.code == 4 and "open wave 2, 1 tenant, as ann?" in asked.err, asked
    people.ann.ok("rollout", "approve", planned, "--wave", "second", "--yes")
    people.await_wave(planned, 2)
    for who in (people.ann, people.bob):
        refused(people, who, "DRV-6007", "is passed already", planned, "--wave", "second")


def test_what_is_over_stays_over(people, planned):
    people.fleet.ok("rollout", "stop", planned, "--yes")
    refused(people, people.ann, "DRV-6007", "is over: it is stopped", planned, "--wave", "rest")
    answer = refused(people, people.carl, "DRV-6007", "is stopped: its order waits", planned)
    assert "--wave" not in answer.err
    refused(people, people.carl, "DRV-1005", "no rollout", "ffffffff")
    assert people.counts() == [1, 1, 0]


def test_another_was_faster(people):
    """The order is complete while bob reads it: his signature comes too late, and is not kept."""
    rollout = people.propose("V002")
    people.meanwhile(people.carl.config, "rollout", "approve", rollout, "--yes")
    late = people.bob.drover("rollout", "approve", rollout, "--yes")
    assert late.code == 1 and "DRV-6007" in late.err and "waits for no signature" in late.err, late
    people.await_wave(rollout, 1)
    people.fleet.ok("rollout", "stop", rollout, "--yes")


def test_it_was_stopped_meanwhile(people):
    """A stop wins over a signature under way."""
    before = people.counts()
    rollout = people.propose("V002")
    people.meanwhile(people.fleet.folder / "drover.yaml", "rollout", "stop", rollout, "--yes")
    late = people.bob.drover("rollout", "approve", rollout, "--yes")
    assert late.code == 1 and "DRV-6007" in late.err, late
    assert rollouts.status(people.fleet, rollout)["state"] == "stopped"
    assert people.counts() == before
