"""Two tenants, and how a rollout over them comes into each of its states.

Every tenant stands at FIRST when a scene begins. The scripts of GATED ask at a gate
(lib/gates.py), so that a test decides how long a job is in hand and how it ends.
"""
import contextlib
import sqlite3

from lib import configs, effects, gates, rollouts
from lib.fleet import Fleet

COUNT = 4
GATED = 3
FIRST = "V001"
DONE = "V001 V002 V003 V004"
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
IN_HAND = {"dispatched", "running", "unknown"}
ONE_WAVE = [{"name": "all", "rest": True}]
ONE_BY_ONE = [{"name": "all", "rest": True, "max_parallel": 1}]
TWO_WAVES = [{"name": "first", "count": 1}, {"name": "rest", "rest": True}]
SOAKS = [{"name": "first", "count": 1, "soak": "1h"}, {"name": "rest", "rest": True}]
APPROVED = [{"name": "first", "count": 1}, {"name": "rest", "rest": True, "approval": True}]
SIGNATURE_MISSING = 4  # exit code
APPROVE_WAVE = 12  # of OrderKind, in proto/trust.proto
WAVE_STATES = ["pending", "open", "soaking", "passed", "failed", "cancelled", "awaiting"]
HOLD_BACK = """
CREATE TABLE held_back AS SELECT * FROM wave_result WHERE false;
CREATE TRIGGER hold_back BEFORE INSERT ON wave_result BEGIN
    INSERT INTO held_back VALUES (NEW.digest, NEW.order_digest, NEW.wave, NEW.sign_key,
                                  NEW.document, NEW.received_us);
    SELECT RAISE(IGNORE);
END;
"""
LET_GO = """
DROP TRIGGER hold_back;
INSERT INTO wave_result SELECT * FROM held_back;
DROP TABLE held_back;
"""
PAPERS = """
SELECT (SELECT count(*) FROM signed_order AS o WHERE o.subject = r.order_digest AND o.kind = ?),
       (SELECT count(*) FROM wave_result AS w WHERE w.order_digest = r.order_digest),
       (SELECT count(*) FROM ticket AS t WHERE t.order_digest = r.order_digest)
  FROM rollout AS r WHERE r.rollout_id = ?
"""


@contextlib.contextmanager
def open_fleet(folder, postgres, tenants, fresh=()):
    """A fleet whose tenants stand at FIRST; the fresh ones know nothing of Drover yet."""
    folder.mkdir(exist_ok=True)
    postgres.create_tenants([*tenants, *fresh])
    listed = [*tenants, *({"database": name, "labels": {"fresh": "yes"}} for name in fresh)]
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, listed)]},
               coordinator_changes={"lease": "3s", "heartbeat": "100ms"},
               agent_changes={"heartbeat": "100ms", "reconnect_max": "100ms"}) as fleet:
        fleet.free = list(tenants)
        chain = gates.write(folder / "chain", COUNT, gated=(GATED,), outside=(COUNT,))
        effects.undo_outside(chain, COUNT)
        fleet.push_bundle(chain, "chain")
        rollouts.baseline(fleet, select="!fresh", application="chain")
        spec = fleet.write_spec("chain", select="!fresh", target=FIRST, **NO_POINT)
        rollouts.assert_ends(fleet, rollouts.start(fleet, spec), "succeeded")
        yield fleet


class Scene:
    """Two tenants of a test's own, and what is done with them."""

    def __init__(self, fleet, postgres):
        self.fleet = fleet
        self.postgres = postgres
        self.gates = gates.Gates(postgres)
        self.catalog = fleet.folder / "catalog.sqlite"
        self.holds_back = False
        self.a, self.b = sorted((fleet.free.pop(), fleet.free.pop()))  # waves take them by name
        self.select = f"name in ({self.a},{self.b})"

    def give_back(self):
        """Bring the tenants to where a test begins; those of a test that failed are left alone."""
        if any(effects.tables(self.postgres, tenant) != {"t1"} for tenant in (self.a, self.b)):
            self.fleet.ok("rollback", "--select", self.select, "--to", FIRST, "--application",
                          "chain", "--yes", "--wait")
        for tenant in (self.a, self.b):
            effects.forget(self.postgres, tenant, FIRST)
            self.fleet.free.insert(0, tenant)

    def write_spec(self, waves, **changes):
        return self.fleet.write_spec("chain", name=f"{self.a}.yaml", waves=waves,
                                     select=self.select, **NO_POINT, **changes)

    def start(self, waves, **changes):
        return rollouts.start(self.fleet, self.write_spec(waves, **changes))

    def rollouts(self):
        """Ids of all rollouts that the coordinator knows."""
        listed = self.fleet.ok("rollout", "list", "--all", "-o", "json").json["rollouts"]
        return {row["rollout"] for row in listed}

    def order(self, rollout, verb, *words):
        return self.fleet.ok("rollout", verb, rollout, *words)

    def approve(self, rollout):
        """Open the second wave."""
        return self.order(rollout, "approve", "--wave", "rest", "--yes")

    def wait(self, rollout, state):
        return rollouts.follow(self.fleet, rollout, {state})

    def roll_back(self, rollout):
        """Order a rollback; its id."""
        return self.fleet.ok("rollback", rollout, "--yes", "-o", "json").json["rollout"]

    def child(self, rollout):
        """The rollback that the rollout started by itself."""
        children = rollouts.status(self.fleet, rollout)["children"]
        assert len(children) == 1, children
        return children[0]["rollout"]

    def standing(self, rollout):
        """What an operator sees, without what goes on by itself while a job is in hand."""
        shown = self.fleet.ok("rollout", "report", rollout, "-o", "json").json
        return {"state": shown["state"], "reason": shown["reason"], "started": shown["started_us"],
                "finished": shown["finished_us"],
                "waves": [(wave["name"], wave["state"], wave["opened_us"], wave["forgiven"])
                          for wave in shown["waves"]],
                "children": sorted(child["rollout"] for child in shown["children"]),
                "tasks": [(task["name"], "in hand", task["attempts"]) if task["state"] in IN_HAND else
                          (task["name"], task["state"], task["attempts"], task["position"],
                           task["code"], task["error"])
                          for task in shown["tasks"]]}

    def kill_coordinator(self):
        self.fleet.coordinator.kill()

    def hold_evidence_back(self):
        """What agents sign of their waves does not come into the catalog: as if it were on its
        way, while the reports beside it have come."""
        self._write_catalog(HOLD_BACK)
        self.holds_back = True

    def let_evidence_go(self):
        if self.holds_back:
            self._write_catalog(LET_GO)
            self.holds_back = False

    def _write_catalog(self, script):
        with contextlib.closing(sqlite3.connect(self.catalog, timeout=gates.AWAIT_S)) as catalog:
            catalog.executescript(f"BEGIN IMMEDIATE;{script}COMMIT;")

    def papers(self, rollout):
        """How many approvals, results and tickets stand in the catalog, and the waves' states."""
        with contextlib.closing(sqlite3.connect(self.catalog, timeout=gates.AWAIT_S)) as catalog:
            catalog.execute("BEGIN")  # so that all of it is of one moment
            counts = catalog.execute(PAPERS, (APPROVE_WAVE, rollout)).fetchone()
            states = catalog.execute("SELECT state FROM wave WHERE rollout_id = ? ORDER BY number",
                                     (rollout,)).fetchall()
        return *counts, tuple(WAVE_STATES[state] for state, in states)

    def assert_stories(self, a, b):
        effects.assert_story(self.postgres, self.a, a)
        effects.assert_story(self.postgres, self.b, b)

    def assert_halted(self, b, back=""):
        """The job of `a` was asked to stop, by a coordinator that may have died over saying so."""
        went_on = ("V004", "apply") in effects.traces(self.postgres, self.a)
        self.assert_stories(f"{DONE}{' -V004' if went_on and back else ''} {back}" if went_on else
                            f"V001 V002 V003 {back}", b)

    def await_story(self, tenant, story):
        """Until the tenant's scripts left this much, asking nobody but the tenant."""
        gates.await_true(lambda: len(effects.traces(self.postgres, tenant)) >= len(story.split()),
                         f"{tenant} does not come to {story}")


# How a rollout comes into a state. Each answers the rollout's id.


def running(scene):
    scene.gates.shut(scene.a)
    rollout = scene.start(TWO_WAVES)
    scene.gates.await_somebody(scene.a)
    return rollout


def running_second_wave(scene):
    scene.gates.shut(scene.b)
    rollout = scene.start(TWO_WAVES)
    scene.gates.await_somebody(scene.b)
    return rollout


def soaking(scene):
    rollout = scene.start(SOAKS)
    rollouts.await_status(scene.fleet, rollout, lambda s: s["waves"][0]["state"] == "soaking")
    return rollout


def paused_with_job(scene):
    scene.gates.shut(scene.a)
    rollout = scene.start(ONE_BY_ONE)
    scene.gates.await_somebody(scene.a)
    scene.order(rollout, "pause")
    return rollout


def paused_by_order(scene):
    rollout = paused_with_job(scene)
    scene.gates.open(scene.a)
    rollouts.await_status(scene.fleet, rollout, lambda s: s["in_flight"] == 0)
    return rollout


def paused_by_failure(scene):
    scene.gates.shut(scene.a, how="fail")
    rollout = scene.start(TWO_WAVES)
    scene.wait(rollout, "paused")
    return rollout


def stopping(scene):
    scene.gates.shut(scene.a)
    rollout = scene.start(ONE_BY_ONE)
    scene.gates.await_somebody(scene.a)
    scene.order(rollout, "stop")
    return rollout


def stopped(scene):
    rollout = stopping(scene)
    scene.gates.open(scene.a)
    scene.wait(rollout, "stopped")
    return rollout


def reverting(scene):
    scene.gates.shut(scene.a)
    scene.gates.shut(scene.b)
    scene.gates.shut(scene.b, how="fail")
    rollout = scene.start(ONE_WAVE, on_failure="rollback_wave")
    scene.gates.await_somebody(scene.a, scene.b)
    scene.gates.open(scene.b)
    scene.wait(rollout, "reverting")
    return rollout


def failed(scene):
    """Its rollback is in hand."""
    scene.gates.shut(scene.a, "undo")
    rollout = reverting(scene)
    scene.gates.open(scene.a)
    scene.wait(rollout, "failed")
    scene.gates.await_somebody(scene.a)
    return rollout


def await_waves(scene, rollout, *states):
    rollouts.await_status(scene.fleet, rollout,
                          lambda s: tuple(wave["state"] for wave in s["waves"]) == states)
    return rollout


def awaiting_approval(scene):
    return await_waves(scene, scene.start(APPROVED), "passed", "awaiting")


def awaiting_evidence(scene):
    scene.hold_evidence_back()
    return await_waves(scene, scene.start(TWO_WAVES), "passed", "awaiting")


def proposed(scene, waves=None):
    """Signed by one of the two people that the fleet's trust file asks for."""
    answer = scene.fleet.drover("rollout", "start", scene.write_spec(waves or TWO_WAVES), "--yes",
                                "-o", "json")
    assert answer.code == SIGNATURE_MISSING, answer
    return answer.json["rollout"]


def succeeded(scene):
    rollout = scene.start(TWO_WAVES)
    scene.wait(rollout, "succeeded")
    return rollout


def incomplete(scene):
    scene.gates.shut(scene.a, how="fail")
    rollout = scene.start(TWO_WAVES, on_failure="continue")
    scene.wait(rollout, "incomplete")
    return rollout


def rollback_running(scene):
    rollout = succeeded(scene)
    scene.gates.shut(scene.a, "undo")
    back = scene.roll_back(rollout)
    scene.gates.await_somebody(scene.a)
    rollouts.await_status(scene.fleet, back, lambda s: s["in_flight"] == 1)
    return back


def rollback_by_itself(scene):
    return scene.child(failed(scene))


def rollback_incomplete(scene):
    rollout = succeeded(scene)
    scene.gates.shut(scene.a, "undo", "fail")
    back = scene.roll_back(rollout)
    scene.wait(back, "incomplete")
    return back


def rollback_stopping(scene):
    back = rollback_running(scene)
    scene.order(back, "stop")
    return back
