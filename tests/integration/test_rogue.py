"""A coordinator in a thief's hands: it has the fleet's address and its real online keys, and asks a
real agent for what the right people did not sign. Each case begins as an honest order and tells one
lie (rogue/rogue_cases.c); the agent says which, by a stable code, and the tenant stays as it was.
"""
import shutil
import subprocess

import pytest

from lib import configs, effects, rollouts
from lib.fleet import Fleet, program, run_drover
from lib.process import clean_environment

NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
WITHIN_S = 60
REFUSED = "OUTCOME_REFUSED"

# What the agent says of each lie.
CASES = {
    "no-order": "DRV-7047",
    "no-proof": "DRV-7047",
    "spoilt-proof": "DRV-7020",
    "own-signature": "DRV-7011",
    "release-signature": "DRV-7011",
    "stranger": "DRV-7011",
    "other-fleet": "DRV-7007",
    "other-tenant": "DRV-7021",
    "other-cluster": "DRV-7021",
    "other-environment": "DRV-7019",
    "other-bundle": "DRV-7023",
    "arbitrary-sql": "DRV-7011",
    "backup-order": "DRV-7023",
    "restore-job": "DRV-7019",
    "baseline-job": "DRV-7019",
    "undo-too-far": "DRV-7021",
    "undo-forbidden": "DRV-7019",
    "past-the-target": "DRV-7021",
    "other-recovery": "DRV-7019",
    "expired": "DRV-7017",
    "early": "DRV-7018",
    "superseded": "DRV-7022",
    "newer-trust": "DRV-7014",
    "no-ticket": "DRV-7028",
    "no-results": "DRV-7029",
    "own-approval": "DRV-7011",
    "strange-approval": "DRV-7011",
    "swapped-paper": "DRV-7001",
    "strange-batch": None,
    "standing-stranger": "DRV-7011",
    "standing-no-match": "DRV-7021",
    "standing-other-tenant": "DRV-7021",
    "standing-other-cluster": "DRV-7021",
    "standing-other-target": "DRV-7021",
    "standing-past-the-target": "DRV-7021",
    "standing-past-its-end": "DRV-7017",
    "standing-other-number": "DRV-7020",
    "standing-other-start": "DRV-7090",
    "standing-other-id": "DRV-7019",
    "standing-wave": "DRV-7020",
    "standing-ticket": "DRV-7020",
    "standing-root": "DRV-7020",
    "standing-undo": "DRV-7021",
}
HELD = "DRV-7048"


class Rogue:
    """The fleet after its coordinator fell: who it was, and what the thief knows of it."""

    def __init__(self, fleet, postgres):
        self.fleet = fleet
        self.postgres = postgres
        self.epoch = 1000
        tenants = {row["name"]: row for row in fleet.ok("tenants", "-o", "json").json["tenants"]}
        self.tenant, self.other = tenants["one"], tenants["two"]
        self.bundle = fleet.ok("bundle", "list", "-o", "json").json["bundles"][0]["digest"]
        self.system = postgres.value("SELECT system_identifier FROM pg_control_system()")
        for kind in ("sign", "curve"):
            shutil.copyfile(f"{fleet.keys['agent'][kind].path}.pub",
                            fleet.folder / f"agent.{kind}.pub")
        run_drover("trust", "init", "--solo", "--no-passphrase", "--out",
                   fleet.folder / "elsewhere")
        self.unreleased = self._unreleased()
        fleet.coordinator.stop()

    def _unreleased(self):
        """A bundle of the same application whose script is the thief's own; its digest."""
        folder = effects.write(self.fleet.folder / "evil", 4)
        path = self.fleet.folder / "other.bundle"
        self.fleet.ok("bundle", "build", folder, "--application", "chain", "--out", path)
        self.fleet.ok("bundle", "sign", path, "--key",
                      self.fleet.folder / "elsewhere" / "release.key")
        return self.fleet.ok("bundle", "show", path, "-o", "json").json["digest"]

    def ask(self, case, name="one"):
        """What became of the case's job on this tenant: the line that the rogue printed."""
        self.epoch += 1
        tenant, other = (self.tenant, self.other) if name == "one" else (self.other, self.tenant)
        argv = [program("rogue"), case, self.fleet.address, self.fleet.folder, self.epoch, "chain",
                tenant["tenant"], name, self.system, name, 1, self.bundle,
                other["tenant"], self.unreleased]
        done = subprocess.run([str(word) for word in argv], env=clean_environment(),
                              capture_output=True, text=True, timeout=WITHIN_S, check=False)
        assert done.returncode == 0, done.stdout + done.stderr + self.fleet.output()
        return done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def rogue(folder, postgres):
    postgres.create_tenants(["one", "two"])
    agents = {"agent": [configs.cluster(postgres, ["one", "two"])]}
    with Fleet(folder / "fleet", agents) as fleet:
        fleet.push_bundle(effects.write(folder / "chain", 3), "chain")
        rollouts.baseline(fleet, application="chain")
        spec = fleet.write_spec("chain", target="V001", **NO_POINT)
        rollouts.assert_ends(fleet, rollouts.start(fleet, spec), "succeeded")
        yield Rogue(fleet, postgres)


def test_the_list_is_whole():
    listed = subprocess.run([program("rogue"), "--list"], capture_output=True, text=True,
                            check=True).stdout.split()
    assert sorted(listed) == sorted(
        [*CASES, "honest", "held", "standing-honest", "standing-deep-undo"])


@pytest.mark.parametrize("case", CASES)
def test_refused(rogue, case):
    before = [effects.contents(rogue.postgres, tenant) for tenant in ("one", "two")]
    line = rogue.ask(case)
    if CASES[case] is None:
        assert line == "silence"
    else:
        outcome, code = line.split()[:2]
        assert (outcome, code) in ((REFUSED, CASES[case]), ("OUTCOME_TRANSIENT", CASES[case])), line
    assert [effects.contents(rogue.postgres, tenant) for tenant in ("one", "two")] == before


def test_what_was_signed_is_done(rogue):
    """The same conversation without a lie changes the tenant, once."""
    assert rogue.ask("honest").split()[0] == "OUTCOME_DONE"
    effects.assert_applied_once(rogue.postgres, "one", 2)


def test_what_was_signed_for_whoever_matches_is_done(rogue):
    """And taken back by that very order no further than it led."""
    assert rogue.ask("standing-honest", "two").split()[0] == "OUTCOME_DONE"
    effects.assert_applied_once(rogue.postgres, "two", 2)
    before = effects.contents(rogue.postgres, "two")
    line = rogue.ask("standing-deep-undo", "two")
    assert line.split()[:2] == [REFUSED, "DRV-7090"], line
    assert effects.contents(rogue.postgres, "two") == before


def test_a_hold_outlives_its_coordinator(rogue):
    """Last, for it stays: a hold that the operator signed stops what the same operator ordered."""
    before = effects.contents(rogue.postgres, "one")
    for case in ("held", "past-the-target"):
        assert rogue.ask(case).split()[0] != "OUTCOME_DONE"
    assert rogue.ask("held").split()[:2] == ["OUTCOME_TRANSIENT", HELD]
    assert effects.contents(rogue.postgres, "one") == before
