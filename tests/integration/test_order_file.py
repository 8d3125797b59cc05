"""An order that comes as a file: a dead coordinator stops no rollback. Real programs: the rollout
is done, the coordinator killed, the order made without it and dropped into the agent's folder.
"""
import json
import subprocess
import time

import pytest

from lib import configs, effects, gates, rollouts, team
from lib.fleet import Fleet, program, run_drover
from lib.process import clean_environment

TENANTS = ["shop_0", "shop_1", "shop_2"]
AWAIT_S = 60  # a net for what never comes
STORY = "V001 V002 V003"
BACK = "V001 V002 V003 -V003"


class Site:
    """One host with its agent, a coordinator, and an operator who carries files."""

    def __init__(self, fleet, postgres):
        self.fleet = fleet
        self.postgres = postgres
        self.gates = gates.Gates(postgres)
        self.trust = fleet.folder / "trust" / "fleet.trust"
        self.key = fleet.folder / "trust" / "operator.key"
        self.folder = fleet.folder / "one" / "state" / "orders"

    def orders(self):
        """What `drover-agent orders` tells, a dictionary a row."""
        done = subprocess.run(
            [program("drover-agent"), "orders", "--config", str(self.fleet.folder / "one.yaml")],
            env=clean_environment(), cwd=self.fleet.folder, capture_output=True, text=True,
            timeout=AWAIT_S, check=False)
        assert done.returncode == 0, done
        head, *rows = done.stdout.splitlines()
        assert head.split() == ["ORDER", "KIND", "APPLICATION", "FROM", "TO", "TENANTS",
                                "UNFINISHED", "LAST", "JOB"]
        names = ["order", "kind", "application", "from", "to", "tenants", "unfinished", "last"]
        return [dict(zip(names, row.split())) for row in rows]

    def make(self, verb, *args, out, trust=None, key=None):
        """An order made with nothing but the trust file and a key."""
        return run_drover("order", verb, *args, "--application", "shop", "--trust",
                          trust or self.trust, "--key", key or self.key, "--out", out, "--yes",
                          folder=self.fleet.folder)

    def drop(self, path, name):
        (self.folder / f"{name}.new").write_bytes(path.read_bytes())
        (self.folder / f"{name}.new").rename(self.folder / f"{name}.order")

    def await_file(self, name):
        path = self.folder / name
        end = time.monotonic() + AWAIT_S
        while not path.exists():
            assert time.monotonic() < end, self.fleet.output()
            time.sleep(0.05)  # polling an event that only this file tells
        return path

    def await_account(self, name):
        """What came of a dropped file."""
        return self.await_file(f"{name}.txt").read_text()

    def contents(self):
        return [effects.contents(self.postgres, tenant) for tenant in TENANTS]


@pytest.fixture(scope="module")
def site(folder, postgres):
    """A rollout of V002 to V003 is done; then the coordinator dies."""
    postgres.create_tenants(TENANTS)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, TENANTS)]}) as fleet:
        chain = gates.write(folder / "chain", 3, gated=[3])
        bundle = fleet.push_bundle(chain)
        rollouts.baseline(fleet)
        for target in ("V002", "V003"):
            spec = fleet.write_spec(
                "shop", name=f"{target}.yaml", target=target,
                recovery_point={"policy": "none", "reason": "throwaway data"})
            rollouts.assert_ends(fleet, rollouts.start(fleet, spec), "succeeded")
        assert bundle.exists()
        for tenant in TENANTS:
            effects.assert_story(postgres, tenant, STORY)
        fleet.coordinator.kill()
        yield Site(fleet, postgres)


@pytest.fixture(scope="module")
def digest(site):
    """Of the order that brought V003: the newest that the journal tells of."""
    rows = site.orders()
    assert [row["kind"] for row in rows] == ["rollout", "rollout", "baseline"]
    newest = rows[0]
    assert (newest["from"], newest["to"], newest["tenants"], newest["unfinished"]) == \
        ("2", "3", "3", "0")
    assert newest["application"] == "shop"
    return newest["order"]


def refused(site, path, name, code):
    before = site.contents()
    site.drop(path, name)
    site.await_file(f"{name}.refused")  # comes last
    account = site.await_account(name)
    assert account.startswith("refused: ") and code in account, account
    assert not (site.folder / f"{name}.order").exists()
    assert site.contents() == before


def test_what_is_shown_is_what_is_signed(site, digest):
    """Without --yes nothing is signed; with it the file says what the order is."""
    out = site.fleet.folder / "shown.order"
    unread = run_drover("order", "take-back", digest, "--application", "shop", "--trust",
                        site.trust, "--key", site.key, "--out", out, folder=site.fleet.folder)
    assert unread.code == 4 and not out.exists(), unread
    assert "take_back of shop" in unread.err and digest in unread.err
    made = site.make("take-back", digest, "-o", "json", out=out)
    assert made.code == 0, made
    said = json.loads(made.out)
    assert (said["kind"], said["subject"], said["tenants"]) == ("take_back", digest, 0)
    again = site.make("take-back", digest, out=out)
    assert again.code == 1 and "DRV-7004" in again.err, again  # signed by that key already
    other = site.make("stop", digest, out=out)
    assert other.code == 1 and "its kind differs" in other.err, other


def test_a_strangers_order_is_refused(site, digest, folder):
    """The keys of another fleet's file, which says what they like."""
    made = run_drover("trust", "init", "--solo", "--name", "eve", "--no-passphrase", "--out",
                      folder / "eve", folder=folder)
    assert made.code == 0, made
    out = site.fleet.folder / "eve.order"
    made = site.make("take-back", digest, out=out, trust=folder / "eve" / "fleet.trust",
                     key=folder / "eve" / "operator.key")
    assert made.code == 0, made
    refused(site, out, "eve", "DRV-7011")


def test_a_key_without_the_role_signs_nothing(site, digest):
    out = site.fleet.folder / "never.order"
    made = site.make("take-back", digest, out=out, key=site.fleet.folder / "trust" / "release.key")
    assert made.code == 1 and not out.exists(), made


def test_an_order_past_its_end_is_refused(site, digest):
    """Good for a minute, and dropped to an agent an hour later by its clock."""
    out = site.fleet.folder / "late.order"
    made = site.make("take-back", digest, "--expires", "1min", out=out)
    assert made.code == 0, made
    site.fleet.agents["one"].stop()
    site.fleet.start_agent("one", **team.skewed(site.fleet, 3600))
    refused(site, out, "late", "DRV-7017")
    site.fleet.agents["one"].stop()
    site.fleet.start_agent("one")


def test_half_a_file_is_refused(site, digest):
    out = site.fleet.folder / "whole.order"
    assert site.make("take-back", digest, out=out).code == 0
    half = site.fleet.folder / "half.order"
    half.write_bytes(out.read_bytes()[:-7])
    refused(site, half, "half", "DRV-7001")


def test_several_people_sign_one_file(site, digest):
    """Each with a copy of the trust file and an own key: the file goes from hand to hand."""
    folder = site.fleet.folder / "trust"
    second = folder / "v2.trust"
    drover = site.fleet.ok
    drover("key", "new", folder / "bea.key", "--kind", "operator", "--name", "bea")
    drover("trust", "add", site.trust, folder / "bea.key.pub", "--role", "rollback", "--role",
           "operator", "--out", second)
    for role in ("operator", "rollback"):
        drover("trust", "threshold", second, role, "--count", 2)
    drover("trust", "sign", second, "--previous", site.trust, "--key", folder / "root.key", "--yes")
    out = site.fleet.folder / "both.order"
    first = site.make("take-back", digest, out=out, trust=second)
    assert first.code == 4 and "1 of 2 signatures" in first.err, first
    done = site.make("take-back", digest, "-o", "json", out=out, trust=second,
                     key=folder / "bea.key")
    assert done.code == 0, done
    assert len(json.loads(done.out)["signers"]) == 2
    refused(site, out, "both", "DRV-7014")  # signed under a trust file that the agent lacks


def test_tenants_come_back_though_the_agent_is_killed(site, digest):
    """One tenant waits at its gate while the agent dies, one cannot be reached for a while; the
    next agent goes on where it was."""
    out = site.fleet.folder / "back.order"
    made = site.make("take-back", digest, out=out)
    assert made.code == 0, made
    agent = site.fleet.agents["one"]
    mark = agent.mark()
    site.gates.shut("shop_1", "undo")
    site.postgres.run("ALTER DATABASE shop_2 CONNECTION LIMIT 0")
    site.drop(out, "back")
    site.gates.await_somebody("shop_1")
    agent.wait_for_line("taking back.*tenants=3", after=mark)
    gates.await_true(lambda: (site.folder / "back.accepted").exists(), "not accepted")
    agent.kill()
    site.gates.open_all()
    assert not (site.folder / "back.txt").exists()
    agent = site.fleet.start_agent("one")
    agent.wait_for_line("met a passing fault: tried again")
    site.postgres.run("ALTER DATABASE shop_2 CONNECTION LIMIT -1")
    account = site.await_account("back")
    assert account.startswith(f"taken back: order {digest}\n"), account
    lines = account.splitlines()[1:]
    assert sorted(line.split()[0] for line in lines) == TENANTS
    assert all(line.split()[2] in ("done", "not") for line in lines), account
    for tenant in TENANTS:
        effects.assert_story(site.postgres, tenant, BACK)


def test_the_same_order_does_nothing_twice(site, digest):
    before = site.contents()
    site.drop(site.fleet.folder / "back.order", "twice")
    assert site.await_account("twice").startswith(f"taken back: order {digest}\n")
    assert (site.folder / "twice.accepted").exists()
    assert site.contents() == before


def test_a_hold_comes_as_a_file_and_goes_as_one(site):
    hold = site.fleet.folder / "hold.order"
    assert site.make("hold", out=hold).code == 0
    mark = site.fleet.agents["one"].mark()
    site.drop(hold, "hold")
    site.fleet.agents["one"].wait_for_line("trust changed.*a hold", after=mark)
    assert site.await_account("hold") == "accepted: order\n"
    free = site.fleet.folder / "free.order"
    assert site.make("release", out=free).code == 0
    site.drop(free, "free")
    assert site.await_account("free") == "accepted: order\n"


def test_the_coordinator_comes_back_and_sees_where_they_stand(site, digest):
    site.fleet.start_coordinator()
    end = time.monotonic() + AWAIT_S
    while True:
        rows = site.fleet.ok("tenants", "-o", "json").json["tenants"]
        if [json.dumps(row).count('"V002"') > 0 for row in rows] == [True] * 3:
            break
        assert time.monotonic() < end, f"{rows}\n{site.fleet.output()}"
        time.sleep(0.05)  # polling an event that only this command tells
    log = site.fleet.ok("audit", "log", "-o", "json").json["rows"]
    actions = {row["action"] for row in log}
    assert "report.own" in actions and "report.foreign" not in actions, actions


def test_what_was_taken_back_is_proved(site, digest):
    """By the root file alone: the take-back reached the coordinator beside the agent's reports."""
    export = site.fleet.folder / "fleet.audit"
    site.fleet.ok("audit", "export", "--out", export)
    said = site.fleet.ok("audit", "verify", export, "--root", site.trust, "-o", "json").json
    assert said["holds"] and said["jobs_own"] >= len(TENANTS) and said["unproved"] == 0, said
    assert said["reports_foreign"] == 0, said
    mine = [order for order in said["orders"] if order["kind"] == "take_back"]
    assert len(mine) == 1 and mine[0]["signed_by"] == "operator", said
    assert digest != mine[0]["order"]
