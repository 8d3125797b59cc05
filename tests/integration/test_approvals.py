"""Two people sign: orders, the opening of a wave, holds and releases, each with keys of their own
and with real programs, after a second trust file that says so was published.
"""
import pytest

from lib import configs, migrations, rollouts
from lib.fleet import Fleet, run_drover

TENANTS = ["shop_0", "shop_1", "shop_2"]


class Team:
    """A fleet whose orders need two people: its operator, and bea."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.trust = fleet.folder / "trust"
        self._make_bea()
        self._publish()

    def _make_bea(self):
        for kind, name in (("operator", "bea.key"), ("curve", "bea.curve")):
            self.fleet.ok("key", "new", self.trust / name, "--kind", kind, "--name", "bea")
        tree = configs.operator(self.fleet.address, self.fleet.keys["coordinator"],
                                {"sign": configs.Key(self.trust / "bea.key"),
                                 "curve": configs.Key(self.trust / "bea.curve")})
        tree["trust"] = {"root": self.trust / "v2.trust"}
        (self.fleet.folder / "bea.yaml").write_text(configs.yaml(tree))

    def _publish(self):
        first, second = self.trust / "fleet.trust", self.trust / "v2.trust"
        roles = [word for role in ("operator", "approver", "admin", "rollback")
                 for word in ("--role", role)]
        self.fleet.ok("trust", "add", first, self.trust / "bea.key.pub", "--curve",
                      self.trust / "bea.curve.pub", *roles, "--out", second)
        for role in ("operator", "rollback"):
            self.fleet.ok("trust", "threshold", second, role, "--count", 2)
        draft = self.fleet.drover("trust", "publish", second)
        assert draft.code == 1 and "DRV-7033" in draft.err, draft  # nobody has signed it
        self.fleet.ok("trust", "sign", second, "--previous", first, "--key",
                      self.trust / "root.key", "--yes")
        self.fleet.ok("trust", "publish", second)
        assert self.fleet.ok("trust", "show", "-o", "json").json["version"] == 2

    def bea(self, *line):
        return run_drover(*line, config=self.fleet.folder / "bea.yaml", folder=self.fleet.folder)


@pytest.fixture(scope="module")
def team(folder, postgres):
    postgres.create_tenants(TENANTS)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, TENANTS)]}) as fleet:
        fleet.push_bundle(migrations.EXAMPLE)
        rollouts.baseline(fleet)
        yield Team(fleet)


@pytest.fixture(scope="module")
def planned(team):
    """A rollout that one of two people has signed."""
    spec = team.fleet.write_spec(
        "shop", recovery_point={"policy": "none", "reason": "throwaway data"},
        waves=[{"name": "first", "count": 1}, {"name": "rest", "rest": True, "approval": True}])
    answer = team.fleet.drover("rollout", "start", spec, "--yes", "--wait")
    assert answer.code == 4, answer
    assert "2 people must sign it; so far: operator\n" in answer.err
    rollout = team.fleet.ok("rollout", "list", "-o", "json").json["rollouts"][0]
    assert rollout["state"] == "planned"
    assert f"drover rollout approve {rollout['rollout'][:8]}    " in answer.err
    return rollout["rollout"]


def test_one_person_counts_once(team, planned):
    again = team.fleet.drover("rollout", "approve", planned, "--yes")
    assert again.code == 1 and "DRV-7004" in again.err, again
    assert rollouts.status(team.fleet, planned)["state"] == "planned"


def test_the_second_reads_what_is_signed(team, planned):
    unread = team.bea("rollout", "approve", planned)
    assert unread.code == 4 and "sign this rollout of 3 tenants as bea?" in unread.err, unread
    for line in ("order           rollout of shop\n", "target          position 10 of the bundle\n",
                 "waves           1: 1 tenant, at most 0 failures\n", "tenants with work: 3\n"):
        assert line in unread.out
    assert [line for line in unread.out.splitlines()
            if line.startswith("signed by") and line.endswith(" of operator")]
    document = team.bea("rollout", "approve", planned, "-o", "json")
    assert document.code == 4
    assert sorted(row["name"] for row in document.json["tenants"]) == TENANTS
    assert document.json["order"]["tenants"] == 3
    assert rollouts.status(team.fleet, planned)["state"] == "planned"


def test_the_second_signature_starts_it(team, planned):
    done = team.bea("rollout", "approve", planned, "--yes")
    assert done.code == 0 and "is running" in done.out, done
    waiting = rollouts.await_status(
        team.fleet, planned, lambda status: status["waves"][1]["state"] == "awaiting")
    assert "drover rollout approve" in waiting["reason"]
    assert f"drover rollout approve {planned[:8]} --wave 'rest'" in team.fleet.ok(
        "rollout", "status", planned).err
    opened = team.bea("rollout", "approve", planned, "--wave", "rest", "--yes")
    assert opened.code == 0, opened
    assert "opens wave      2 of that order\n" in opened.out
    rollouts.assert_ends(team.fleet, planned, "succeeded")


def test_a_hold_and_its_release(team):
    for word in ("hold", "release"):
        file = team.fleet.folder / f"{word}.order"
        first = team.fleet.drover("fleet", word, "--yes", "--order", file)
        assert first.code == 4 and "it has 1 of 2 signatures" in first.err, first
        other = "release" if word == "hold" else "hold"
        wrong = team.bea("fleet", other, "--yes", "--order", file)
        assert wrong.code == 1 and "DRV-7045" in wrong.err, wrong
        assert team.bea("fleet", word, "--yes", "--order", file).code == 0


def test_a_stop_needs_no_second(team):
    """The coordinator stops at once; agents hear of it once enough people signed."""
    rollout = team.fleet.ok("rollout", "list", "--all", "-o", "json").json["rollouts"][0]
    answer = team.bea("rollback", rollout["rollout"], "--yes")
    assert answer.code == 4 and "DRV-7046" in answer.err, answer
    back = team.fleet.ok("rollout", "list", "-o", "json").json["rollouts"][0]["rollout"]
    stopped = team.fleet.ok("rollout", "stop", back)
    assert "has 1 of 2 signatures" in stopped.err
    assert rollouts.status(team.fleet, back)["state"] == "stopped"


def test_a_standing_order_waits_for_the_second(team):
    spec = team.fleet.write_spec("shop", name="standing.yaml", select="name=shop_0",
                                 recovery_point={"policy": "none", "reason": "throwaway data"})
    line = ("standing", "start", spec, "--name", "shops", "--for", "1h", "--yes")
    first = team.fleet.drover(*line)
    assert first.code == 4 and "DRV-7046" in first.err, first
    assert "drover standing approve 'shops'" in first.err
    row = team.fleet.ok("standing", "list", "-o", "json").json["standing"][0]
    assert row["state"] == "waits" and row["command"] == "drover standing approve 'shops'"
    again = team.fleet.drover("standing", "approve", "shops", "--yes")
    assert again.code == 1 and "DRV-7004" in again.err, again
    unread = team.bea("standing", "approve", "shops")
    assert unread.code == 4 and "tenants         whoever matches name=shop_0\n" in unread.out
    done = team.bea("standing", "approve", "shops", "--yes")
    assert done.code == 0 and "standing order 'shops' is active" in done.out, done
    ended = team.fleet.ok("standing", "end", "shops", "--yes")
    assert "has 1 of 2 signatures" in ended.err and "is ended" in ended.out, ended
