"""Trust files, revocations and holds on a fleet at work: what they stop is stopped, what they leave
goes on, and what nobody signed changes nothing. Tenants are asked, not reports.
"""
import contextlib
import sqlite3

import pytest

from lib import configs, effects, gates, rollouts, team
from lib.fleet import ONLINE, READY, Fleet, run_drover

TENANTS = [f"shop_{n}" for n in range(3)]
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
GATED = (2, 3, 4, 5, 6, 7)
WAVES = [{"name": "first", "count": 1}, {"name": "second", "count": 1},
         {"name": "third", "rest": True}]
ONE_BY_ONE = [{"name": "all", "rest": True, "max_parallel": 1}]
DAY_S = 86400


class World:
    """A fleet over its tenants, which move one version at a time."""

    def __init__(self, fleet, postgres, tenants):
        self.fleet = fleet
        self.postgres = postgres
        self.tenants = tenants
        self.gates = gates.Gates(postgres)
        self.chain = team.Chain(fleet)
        self.position = 0
        self.env = {}

    def contents(self):
        return [effects.contents(self.postgres, tenant) for tenant in self.tenants]

    def spec(self, waves, **changes):
        """Of the next version."""
        return self.fleet.write_spec("chain", waves=waves, target=f"V{self.position + 1:03d}",
                                     **NO_POINT, **changes)

    def start(self, waves, by=None, **changes):
        answer = (by or self.fleet).ok("rollout", "start", self.spec(waves, **changes), "--yes",
                                       "-o", "json")
        return answer.json["rollout"]

    def ends(self, rollout, state="succeeded"):
        return rollouts.assert_ends(self.fleet, rollout, state)

    def moved(self):
        """All tenants came to the next version, each once."""
        self.position += 1
        for tenant in self.tenants:
            effects.assert_applied_once(self.postgres, tenant, self.position)

    def counts(self):
        """How many versions stand in each tenant."""
        return [len(effects.tables(self.postgres, tenant)) for tenant in self.tenants]

    def await_hold(self, rollout):
        """Until its status says that nothing but a release of the hold lets it go on."""
        return rollouts.await_status(self.fleet, rollout, lambda status: any(
            row["kind"] == "release" and row["command"] == "drover fleet release"
            for row in status["awaits"]))

    def trust_files(self):
        with contextlib.closing(self.catalog()) as catalog:
            return catalog.execute("SELECT version, digest FROM trust_file ORDER BY version"
                                   ).fetchall()

    def catalog(self):
        return sqlite3.connect(self.fleet.folder / "catalog.sqlite")

    def write_order(self, digest, document):
        """As another hand does, while no coordinator runs."""
        with contextlib.closing(self.catalog()) as catalog:
            catalog.execute("UPDATE signed_order SET document = ? WHERE digest = ?",
                            (document, digest))
            catalog.commit()

    def restart_coordinator(self, kill=False, **env):
        if kill:
            self.fleet.coordinator.kill()
        elif self.fleet.coordinator.is_running():
            self.fleet.coordinator.stop()
        self.fleet.start_coordinator(**env)

    def await_agent(self, mark=0):
        self.fleet.coordinator.wait_for_line(rf"{ONLINE}.*\bagent=one\b", after=mark)


def refused(answer, code, exit_code=1):
    assert answer.code == exit_code and code in answer.err, answer
    assert answer.err.count("HINT: ") >= 1, answer
    return answer


@contextlib.contextmanager
def open_world(folder, postgres, tenants, **changes):
    postgres.create_tenants(tenants)
    with Fleet(folder, {"one": [configs.cluster(postgres, tenants)]}, **changes) as fleet:
        fleet.push_bundle(gates.write(folder / "chain", 8, gated=GATED), "chain")
        rollouts.baseline(fleet, application="chain")
        world = World(fleet, postgres, tenants)
        world.ends(world.start(ONE_BY_ONE))
        world.moved()
        yield world
        world.gates.open_all()


@pytest.fixture(scope="module")
def world(folder, postgres):
    with open_world(folder / "fleet", postgres, TENANTS) as world:
        world.bob = team.Person(world.fleet, "bob")
        world.chain.publish(world.bob.added("operator", "approver", "rollback"))
        yield world


# Trust files that are none of this fleet's next.


@pytest.mark.parametrize("case, code", [
    ("older", "DRV-7009"), ("of another fleet", "DRV-7011"), ("jumped", "DRV-7008"),
    ("signed by others", "DRV-7011"), ("unsigned", "DRV-7033"), ("spoilt", "DRV-700")])
def test_no_such_file_is_published(world, case, code):
    fleet, chain = world.fleet, world.chain
    folder = fleet.folder / "trust"
    if case == "older":
        path = folder / "fleet.trust"
    elif case == "of another fleet":
        run_drover("trust", "init", "--solo", "--no-passphrase", "--out", fleet.folder / "other")
        path = fleet.folder / "other" / "fleet.trust"
    elif case == "jumped":
        skipped = chain.signed(["renew"], name="unpublished")
        path = chain.signed(["renew"], name="jumped", after=skipped)
    elif case == "signed by others":  # whole by its own root, which the one before does not know
        fleet.ok("key", "new", folder / "evil.root", "--kind", "root", "--name", "evil",
                 "--no-passphrase")
        path = chain.signed(["rotate", "--add", folder / "evil.root.pub", "--revoke", "operator",
                             "--reason", "x"], name="evil", root=folder / "evil.root")
    elif case == "unsigned":
        path = chain.draft(["renew"], name="draft")
    else:
        path = folder / "spoilt.trust"
        path.write_bytes(chain.newest.read_bytes().replace(b"bob", b"eve"))
    before, mark = world.trust_files(), fleet.agents["one"].mark()
    shown = fleet.ok("trust", "show", "-o", "json").json
    refused(fleet.drover("trust", "publish", path), code)
    refused(world.bob.drover("trust", "publish", path), code)
    assert world.trust_files() == before
    assert fleet.ok("trust", "show", "-o", "json").json == shown
    fleet.ok("tenants")
    heard = "\n".join(fleet.agents["one"].lines[mark:])
    assert "trust changed" not in heard and "refused" not in heard


def test_two_files_of_one_version(world):
    """Any operator publishes; the same file again is no news, another one of its version a fork."""
    fork = world.chain.signed(["renew", "--expires", "100d"], name="fork")
    path = world.chain.publish(["renew"], by=world.bob)
    before = world.trust_files()
    assert world.fleet.ok("trust", "publish", path, "-o", "json").json["published"][0]["known"]
    refused(world.fleet.drover("trust", "publish", fork), "DRV-7010")
    assert world.trust_files() == before


# Keys that are taken out while they are used.


def test_an_operator_is_revoked(world):
    """What the tenant in hand is done with goes to its end; nothing more of that order starts."""
    first = world.tenants[0]
    world.gates.shut(first)
    rollout = world.start(ONE_BY_ONE, by=world.bob)
    world.gates.await_somebody(first)
    world.chain.publish(["revoke", "bob", "--reason", "laptop stolen"])
    refused(world.bob.drover("tenants"), "DRV-5006")
    refused(world.bob.drover("rollout", "stop", rollout), "DRV-5006")
    world.gates.open(first)
    last = rollouts.follow(world.fleet, rollout)
    print(last, world.fleet.ok("rollout", "failures", rollout).out)
    assert world.counts() == [2, 1, 1]
    assert last["state"] == "paused"
    failed = [task for task in rollouts.tasks(world.fleet, rollout).values() if task["code"]]
    assert [task["code"] for task in failed] == ["DRV-7011"]
    # nobody else's resume helps: the order is bob's
    world.fleet.ok("rollout", "resume", rollout, "--yes")
    rollouts.follow(world.fleet, rollout)
    assert world.counts() == [2, 1, 1]
    world.fleet.drover("rollout", "stop", rollout, "--yes")
    world.ends(world.start(ONE_BY_ONE))
    world.moved()


def test_a_hold(world):
    """What is in hand finishes, what takes back runs, nothing else starts until the release."""
    fleet, position = world.fleet, world.position
    first, second = world.tenants[:2]
    world.gates.shut(first)
    rollout = world.start(ONE_BY_ONE, select=f"name in ({first},{second})")
    world.gates.await_somebody(first)
    mark = fleet.agents["one"].mark()
    fleet.ok("fleet", "hold", "--yes")
    fleet.agents["one"].wait_for_line(r"event=\"trust changed\" what=\"a hold\"", after=mark)
    world.gates.open(first)
    gates.await_true(lambda: world.counts()[0] == position + 1, "what is in hand does not finish")
    world.await_hold(rollout)
    mark = fleet.coordinator.mark()
    world.restart_coordinator(kill=True)  # a hold is no matter of its memory
    world.await_agent()
    third = world.tenants[2]
    fleet.ok("rollback", "--select", f"name={third}", "--to", f"V{position - 1:03d}",
             "--application", "chain", "--yes", "--wait")
    again = world.start(ONE_BY_ONE, select=f"name={third}")
    world.await_hold(again)
    assert world.counts() == [position + 1, position, position - 1]
    for line in (["rollout", "resume", rollout], ["rollout", "retry", rollout]):
        assert fleet.drover(*line, "--yes").code != 0
    fleet.ok("fleet", "release", "--yes")
    world.ends(rollout)
    world.ends(again)
    steps = [*range(1, position + 1), -position, position, position + 1]
    assert effects.traces(world.postgres, third) == [
        (f"V{abs(step):03d}", "apply" if step > 0 else "undo") for step in steps]
    effects.forget(world.postgres, third, " ".join(f"V{n:03d}" for n in range(1, position + 2)))
    world.moved()


def new_keys(fleet, file="again"):
    """The agent's host after its keys were taken out: new ones, and a card for them."""
    fleet.agents["one"].stop()
    for kind, word in (("sign", "agent"), ("curve", "curve")):
        fleet.keys["one"][kind] = fleet._key(f"one-{file}", word)
    fleet.write_agent("one")
    (fleet.folder / "one.request").unlink()
    fleet.enrolled.discard("one")
    mark = fleet.coordinator.mark()
    fleet.start_agent("one")
    fleet.coordinator.wait_for_line(rf"{ONLINE}.*\bagent=one\b", after=mark)


def test_an_agent_is_revoked(world):
    """It gets no job any more, and what waits for it says so; new keys on that host go on."""
    fleet = world.fleet
    first = world.tenants[0]
    world.gates.shut(first)
    rollout = world.start(ONE_BY_ONE)
    world.gates.await_somebody(first)
    mark = fleet.coordinator.mark()
    fleet.ok("agents", "revoke", "one", "--reason", "host stolen", "--yes")
    fleet.coordinator.wait_for_line(r"event=\"agent dropped\" agent=one", after=mark)
    waiting = rollouts.await_status(fleet, rollout, lambda status: any(
        row["code"] == "DRV-6013" and "no longer enrolled" in row["blocker"]
        for row in status["clusters"]))
    assert waiting["state"] == "running"
    assert "DRV-6013" in fleet.ok("rollout", "status", rollout).out
    refused(fleet.drover("agents", "accept", "one", "--yes"), "DRV-7051")
    world.gates.open(first)
    gates.await_true(lambda: world.counts()[0] == world.position + 1, "the job in hand is lost")
    assert world.counts()[1:] == [world.position] * 2
    new_keys(fleet)
    # what became of that one nobody tells who may: it is looked at again on an operator's word
    doubt = rollouts.await_status(fleet, rollout, lambda status: status["counts"]["unknown"] == 1)
    command = f"drover rollout retry {rollout[:8]} --tenant '{first}'"
    assert [(row["kind"], row["command"]) for row in doubt["awaits"]] == [("retry", command)]
    assert "agent 'one' was revoked (host stolen)" in doubt["awaits"][0]["reason"], doubt
    shown = fleet.ok("rollout", "status", rollout).out
    assert f"HINT: {command}\n" in shown and "was revoked (host stolen)" in shown, shown
    fleet.ok("rollout", "retry", rollout, "--tenant", first)
    world.ends(rollout)
    world.moved()


def test_the_word_of_a_revoked_agent(world):
    """It opened the second wave, which waits again: what is in hand is done with, a person's word
    opens the wave for the rest, and the order comes to its end."""
    fleet, position = world.fleet, world.position
    second = world.tenants[1]
    waves = [WAVES[0], {"name": "rest", "rest": True, "max_parallel": 1}]
    world.gates.shut(second)
    rollout = world.start(waves)
    world.gates.await_somebody(second)
    mark = fleet.coordinator.mark()
    fleet.ok("agents", "revoke", "one", "--reason", "host stolen", "--yes")
    fleet.coordinator.wait_for_line(r"event=\"agent dropped\" agent=one", after=mark)
    awaiting = rollouts.await_status(
        fleet, rollout, lambda status: status["waves"][1]["state"] == "awaiting")
    command = f"drover rollout approve {rollout[:8]} --wave 'rest'"
    assert command in awaiting["reason"] and "not proved well" in awaiting["reason"], awaiting
    assert ("evidence", command) in [(row["kind"], row["command"]) for row in awaiting["awaits"]]
    world.gates.open(second)
    gates.await_true(lambda: world.counts()[1] == position + 1, "the job in hand is lost")
    world.restart_coordinator(kill=True)  # which waits on, with nothing of it in memory
    new_keys(fleet, "thrice")
    rollouts.await_status(fleet, rollout, lambda status: status["counts"]["unknown"] == 1)
    fleet.ok("rollout", "retry", rollout, "--tenant", second)
    still = rollouts.status(fleet, rollout)
    assert still["waves"][1]["state"] == "awaiting" and command in still["reason"], still
    assert world.counts() == [position + 1, position + 1, position]
    fleet.ok("rollout", "approve", rollout, "--wave", "rest", "--yes")
    world.ends(rollout)
    world.moved()


def test_a_wave_goes_on_without_the_word(folder, postgres):
    """Without the revoked agent's word its tenant is not proved well, which the wave's budget lets
    pass: the next one goes on by itself, under a ticket without that word."""
    tenants = ["kept_0", "kept_1", "kept_2"]
    waves = [{"name": "first", "count": 1}, {"name": "rest", "rest": True, "max_parallel": 1}]
    with open_world(folder / "kept", postgres, tenants) as world:
        fleet = world.fleet
        second = tenants[1]
        world.gates.shut(second)
        rollout = world.start(waves, error_budget={"count": 1})
        world.gates.await_somebody(second)
        mark = fleet.coordinator.mark()
        fleet.ok("agents", "revoke", "one", "--reason", "host stolen", "--yes")
        fleet.coordinator.wait_for_line(r"event=\"ticket lapsed\".*code=DRV-7026", after=mark)
        assert rollouts.status(fleet, rollout)["waves"][1]["state"] == "open"
        world.gates.open(second)
        gates.await_true(lambda: world.counts()[1] == 2, "the job in hand is lost")
        new_keys(fleet)
        rollouts.await_status(fleet, rollout, lambda status: status["counts"]["unknown"] == 1)
        fleet.ok("rollout", "retry", rollout, "--tenant", second)
        world.ends(rollout)
        world.moved()
        with contextlib.closing(world.catalog()) as catalog:
            assert catalog.execute("SELECT count(*) FROM ticket t JOIN rollout r ON t.order_digest"
                                   " = r.order_digest WHERE r.rollout_id = ?",
                                   (rollout,)).fetchone() == (2,)


# A coordinator that ends, and one whose catalog another hand changed.


def test_a_restart_between_waves(world):
    """Results that opened a wave, and those that will, outlive the coordinator that took them."""
    first, second = world.tenants[:2]
    world.gates.shut(second)
    rollout = world.start(WAVES)
    world.gates.await_somebody(second)
    world.restart_coordinator(kill=True)
    world.await_agent()
    world.gates.open(second)
    world.ends(rollout)
    with contextlib.closing(world.catalog()) as catalog:
        waves = catalog.execute("SELECT t.wave FROM ticket t JOIN rollout r ON t.order_digest ="
                                " r.order_digest WHERE r.rollout_id = ? ORDER BY t.wave",
                                (rollout,)).fetchall()
    assert waves == [(1,), (2,)]
    world.moved()


def start_under_a_changed_order(world, place):
    """One bit of the catalog's copy, while no agent has its own. The rollout, and what is to be put
    back."""
    fleet = world.fleet
    fleet.agents["one"].stop()
    rollout = world.start(ONE_BY_ONE)
    fleet.coordinator.stop()
    with contextlib.closing(world.catalog()) as catalog:
        (digest, document), = catalog.execute(
            "SELECT s.digest, s.document FROM signed_order s JOIN rollout r ON s.digest ="
            " r.order_digest WHERE r.rollout_id = ?", (rollout,)).fetchall()
    at = len(document) - 1 if place == "signature" else 60
    world.write_order(digest, bytes([*document[:at], document[at] ^ 1, *document[at + 1:]]))
    fleet.start_coordinator()
    fleet.start_agent("one")
    world.await_agent()
    fleet.coordinator.wait_for_line(r"event=\"job not sent\" error=\"DRV-7003 ")
    return rollout, digest, document


def test_a_changed_order_can_be_stopped(world):
    """The job was given out and cannot be sent: the stop settles it, and says what helps."""
    before = world.contents()
    rollout, _, _ = start_under_a_changed_order(world, "body")
    shown = world.fleet.ok("rollout", "status", rollout).out
    assert "copy of its order is damaged" in shown and "drover rollout stop" in shown, shown
    world.fleet.ok("rollout", "stop", rollout)
    world.ends(rollout, "stopped")
    assert world.contents() == before


@pytest.mark.parametrize("place", ["signature", "body"])
def test_an_order_that_was_changed(world, place):
    """Nothing is done under it."""
    fleet = world.fleet
    before = world.contents()
    rollout, digest, document = start_under_a_changed_order(world, place)
    waiting = rollouts.status(fleet, rollout)  # which costs nobody the connection
    assert [row["kind"] for row in waiting["awaits"]] == ["order"], waiting
    assert "DRV-7003" in waiting["awaits"][0]["reason"]
    assert "DRV-7003" in fleet.ok("rollout", "status", rollout).out
    assert "message not taken in" not in fleet.coordinator.output()
    assert world.contents() == before
    # with the right bytes back it goes on by itself
    fleet.coordinator.stop()
    world.write_order(digest, document)
    fleet.start_coordinator()
    world.ends(rollout)
    world.moved()


# Time.


@pytest.fixture(scope="module")
def late(folder, postgres):
    """Its trust file ends within a day, and a wave that can be rolled back is half done."""
    tenants = ["late_0", "late_1"]
    with open_world(folder / "late", postgres, tenants) as world:
        yield world


def test_the_end_is_announced(late):
    mark, heard = late.fleet.coordinator.mark(), late.fleet.agents["one"].mark()
    late.chain.publish(["renew", "--expires", "1d"])
    line = late.fleet.coordinator.wait_for_line(
        r"warning event=\"trust file expires soon\".*", after=mark).group()
    assert "code=DRV-7013" in line and "version=2" in line and "hint=" in line
    late.fleet.agents["one"].wait_for_line(
        r"warning event=\"the trust file expires within a week\" trust_version=2", after=heard)
    assert late.fleet.ok("trust", "show", "-o", "json").json["freshness"] == "warning"


def test_past_its_end_only_the_way_back_is_left(late):
    fleet, position = late.fleet, late.position
    first, second = late.tenants
    late.gates.shut(second)
    rollout = late.start([{"name": "all", "rest": True}], on_failure="rollback_wave")
    late.gates.await_somebody(second)
    gates.await_true(lambda: late.counts()[0] == position + 1, "the first tenant does not move")
    fleet.agents["one"].kill()
    fleet.coordinator.kill()
    late.gates.open(second)

    skewed = team.skewed(fleet, 2 * DAY_S)
    fleet.start_coordinator(ready=False, **skewed).wait_for_line(READY)
    fleet.coordinator.wait_for_line(r"warning event=\"trust file expired\" code=DRV-7013")
    agent = fleet.start_agent("one", **skewed)
    agent.wait_for_line(r"warning event=\"the trust file has expired: nothing forward starts\""
                        r" code=DRV-7013")

    def rests():
        status = fleet.ok("rollout", "status", rollout, "-o", "json", env=skewed).json
        return status["state"] == "failed" and [
            child["state"] for child in status["children"]] == ["succeeded"]

    gates.await_true(rests, "the wave is not rolled back")
    task, = fleet.ok("rollout", "failures", rollout, "-o", "json", env=skewed).json["tasks"]
    assert (task["name"], task["code"]) == (second, "DRV-7013"), task
    forward = f"V{position + 1:03d}"
    assert effects.traces(late.postgres, first)[position:] == [(forward, "apply"),
                                                               (forward, "undo")]
    assert len(effects.traces(late.postgres, second)) == position
    before = late.contents()
    again = late.spec(ONE_BY_ONE)
    for line in (["rollout", "start", again], ["rollback", "--select", "all", "--to", "empty",
                                               "--application", "chain"]):
        refused(fleet.drover(*line, "--yes", env=skewed), "DRV-7013")
    assert late.contents() == before

    # and a file that follows ends all that
    mark = agent.mark()
    path = late.chain.signed(["renew", "--expires", "30d"])
    fleet.ok("trust", "publish", path, env=skewed)
    agent.wait_for_line(r"event=\"the trust file is in time\" trust_version=3", after=mark)
    fleet.ok("rollout", "start", again, "--yes", "--wait", env=skewed)
    assert late.counts() == [position + 1] * 2
