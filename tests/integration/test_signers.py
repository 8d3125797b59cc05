"""Operators whose keys are elsewhere: everything that is signed online, signed by a command; what
such a command may say or not say; and a key that administrators take out of a fleet at work.
"""
import json
import re
import subprocess
import time

import pytest

from lib import configs, effects, gates, rollouts, signer, team
from lib.fleet import COMMAND_S, Fleet, program
from lib.process import clean_environment

TENANTS = [f"shop_{n}" for n in range(3)]
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
ONE_BY_ONE = [{"name": "all", "rest": True, "max_parallel": 1}]
BY_HAND = [{"name": "first", "count": 1}, {"name": "rest", "rest": True, "approval": True}]
EVERY_ROLE = ("operator", "approver", "admin", "rollback")
AWAIT_S = 60  # a net for what never comes


class Hana(team.Person):
    """Whose operator key left this host: what drover has is its public half and a command."""

    def __init__(self, fleet):
        super().__init__(fleet, "hana")
        key = self.keys["operator"].path
        self.log = fleet.folder / "signed.log"
        self.signer = signer.command(key, fleet.folder, self.log)
        key.unlink()
        self.use(self.signer)

    def use(self, command, **changes):
        """Have this sign from now on."""
        tree = configs.operator(self.fleet.address, self.fleet.keys["coordinator"],
                                {"sign": self.keys["operator"], "curve": self.keys["curve"]})
        tree["keys"]["sign"] = f"{self.keys['operator'].path}.pub"
        tree["keys"]["signer"] = command
        tree["trust"] = {"root": self.fleet.folder / "trust" / "fleet.trust"}
        self.config.write_text(configs.yaml({**tree, **changes}))

    def signed(self):
        return self.log.read_text().splitlines() if self.log.exists() else []


class World:
    def __init__(self, fleet, postgres):
        self.fleet = fleet
        self.postgres = postgres
        self.gates = gates.Gates(postgres)
        self.chain = team.Chain(fleet)
        self.hana = Hana(fleet)
        self.bob = team.Person(fleet, "bob")
        self.chain.publish(self.hana.added(*EVERY_ROLE), self.bob.added("operator", "rollback"))
        self.position = 0

    def spec(self, waves=None):
        return self.fleet.write_spec("chain", waves=waves or ONE_BY_ONE,
                                     target=f"V{self.position + 1:03d}", **NO_POINT)

    def start(self, who, waves=None):
        return who.ok("rollout", "start", self.spec(waves), "--yes", "-o", "json").json["rollout"]

    def ends(self, rollout):
        rollouts.assert_ends(self.fleet, rollout, "succeeded")
        self.position += 1
        for tenant in TENANTS:
            effects.assert_applied_once(self.postgres, tenant, self.position)

    def counts(self):
        return [len(effects.tables(self.postgres, tenant)) for tenant in TENANTS]

    def rollouts(self):
        return self.fleet.ok("rollout", "list", "--all", "-o", "json").json["rollouts"]

    def drop(self, path, name):
        """Put an order where the agent takes it; what came of it: "accepted" or "refused"."""
        folder = self.fleet.folder / "one" / "state" / "orders"
        (folder / f"{name}.new").write_bytes(path.read_bytes())
        (folder / f"{name}.new").rename(folder / f"{name}.order")
        end = time.monotonic() + AWAIT_S
        while True:
            for word in ("accepted", "refused"):
                if (folder / f"{name}.{word}").exists():
                    return word
            assert time.monotonic() < end, self.fleet.output()
            time.sleep(0.05)  # polling an event that only this file tells

    def why(self, name):
        path = self.fleet.folder / "one" / "state" / "orders" / f"{name}.txt"
        gates.await_true(path.exists, "no account of the order")
        return path.read_text()

    def order(self, who, verb, name):
        """An order for a file, signed without the coordinator."""
        path = self.fleet.folder / f"{name}.order"
        who.ok("order", verb, "--trust", self.chain.newest, "--out", path, "--yes")
        return path

    def key_of(self, name, use="operator"):
        shown = self.fleet.ok("trust", "show", "-o", "json").json
        return next(row["key"] for row in shown["keys"]
                    if (row["name"], row["use"]) == (name, use) and row["standing"] == "active")


def refused(answer, code, exit_code=1):
    assert answer.code == exit_code and code in answer.err, answer
    assert answer.err.count("HINT: ") >= 1, answer
    return answer


@pytest.fixture(scope="module")
def world(folder, postgres):
    postgres.create_tenants(TENANTS)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, TENANTS)]}) as fleet:
        fleet.push_bundle(gates.write(folder / "chain", 6, gated=(4, 5)), "chain")
        rollouts.baseline(fleet, application="chain")
        world = World(fleet, postgres)
        yield world
        world.gates.open_all()


# All that an operator signs.


def test_a_rollout_is_signed_elsewhere(world):
    """Its questions, its order and the approval of its wave; each digest went to the command."""
    hana = world.hana
    assert not hana.keys["operator"].path.exists()
    before = len(hana.signed())
    assert len(hana.ok("tenants", "-o", "json").json["tenants"]) == len(TENANTS)
    assert len(hana.signed()) == before + 1
    rollout = world.start(hana, BY_HAND)
    rollouts.await_status(world.fleet, rollout,
                          lambda status: status["waves"][1]["state"] == "awaiting")
    hana.ok("rollout", "approve", rollout, "--wave", "rest", "--yes")
    world.ends(rollout)
    status = rollouts.status(world.fleet, rollout)
    assert re.fullmatch("[0-9a-f]{64}", status["order_digest"])
    signed = hana.signed()
    assert all(re.fullmatch("[0-9a-f]{64}", line) for line in signed)
    assert len(set(signed)) == len(signed) >= before + 1 + 3 + 4


def test_the_status_names_its_order(world):
    """By the same digest as the agent's journal and the export do."""
    rollout = world.rollouts()[0]["rollout"]
    digest = rollouts.status(world.fleet, rollout)["order_digest"]
    assert f"order       {digest}\n" in world.fleet.ok("rollout", "status", rollout).out
    done = subprocess.run([program("drover-agent"), "orders", "--config",
                           str(world.fleet.folder / "one.yaml")], env=clean_environment(),
                          capture_output=True, text=True, timeout=COMMAND_S, check=False)
    assert digest in done.stdout, done
    rows = [json.loads(line) for line in world.fleet.ok("audit", "export").out.splitlines()]
    assert [row["order"] for row in rows if row["type"] == "rollout"
            and row["rollout"] == rollout] == [digest]
    assert digest in {row["digest"] for row in rows if row["type"] == "order"}


def test_holds_and_stops_are_signed_elsewhere(world):
    hana = world.hana
    assert hana.ok("fleet", "hold", "--yes", "-o", "json").json["held"]
    rollout = world.start(hana)
    assert not hana.ok("fleet", "release", "--yes", "-o", "json").json["held"]
    world.ends(rollout)
    hana.ok("fleet", "hold", "--yes")
    rollout = world.start(hana)
    stopped = hana.ok("rollout", "stop", rollout, "--yes")
    assert "coordinator alone" not in stopped.err, stopped
    hana.ok("fleet", "release", "--yes")
    assert rollouts.status(world.fleet, rollout)["state"] == "stopped"


def test_an_agent_is_accepted_from_elsewhere(world):
    """Its card, and its revocation."""
    fleet, hana = world.fleet, world.hana
    fleet.agent_clusters["spare"] = fleet.agent_clusters["one"]
    fleet.keys["spare"] = {"sign": fleet._key("spare", "agent"),
                           "curve": fleet._key("spare", "curve"),
                           "backup": fleet._key("spare", "backup")}
    fleet.write_agent("spare")
    del fleet.agent_clusters["spare"]
    request = fleet.folder / "spare.request"
    done = subprocess.run([program("drover-agent"), "enroll", "--request", str(request), "--config",
                           str(fleet.folder / "spare.yaml")], env=clean_environment(),
                          capture_output=True, text=True, timeout=COMMAND_S, check=False)
    assert done.returncode == 0, done
    hana.ok("agents", "accept", "--request", request, "--fingerprint", done.stdout.strip(), "--yes")
    assert "spare" in hana.ok("agents").out
    hana.ok("agents", "revoke", "spare", "--reason", "a test", "--yes")


def test_an_order_for_a_file_is_signed_elsewhere(world):
    """Without a coordinator, by what drover.yaml names; --key is another key and signs itself."""
    hold = world.order(world.hana, "hold", "hana-hold")
    assert world.drop(hold, "hana-hold") == "accepted"
    assert world.drop(world.order(world.hana, "release", "hana-release"),
                      "hana-release") == "accepted"
    out = world.fleet.folder / "own.order"
    world.hana.ok("order", "hold", "--key", world.fleet.folder / "trust" / "operator.key", "--out",
                  out, "--yes")


# What a command says instead.


@pytest.mark.parametrize("case", signer.BAD)
def test_a_bad_signer_asks_nothing(world, case):
    command, code = signer.BAD[case]
    mark = world.fleet.coordinator.mark()
    world.hana.use(command)
    said = refused(world.hana.drover("tenants", "--command-timeout", "1s"), code)
    assert "keys.signer" in said.err
    world.hana.use(world.hana.signer)
    world.hana.ok("tenants")
    assert "DRV-5006" not in "\n".join(world.fleet.coordinator.lines[mark:])


def test_the_configuration_bounds_its_time(world):
    world.hana.use("sleep 1000", command_timeout="300ms")
    refused(world.hana.drover("tenants"), "DRV-7080")
    world.hana.use("sh -c 'sleep 1; exit 1'", command_timeout="300ms")
    refused(world.hana.drover("tenants", "--command-timeout", "50s"), "DRV-7032")  # the flag's
    world.hana.use(world.hana.signer)


def test_a_signer_that_falls_silent(world, folder):
    """At whichever signature of a start it does, nothing is started; with all of them it is."""
    before = len(world.rollouts())
    script = folder / "n times.sh"
    for most in range(10):
        count = folder / f"count {most}"
        script.write_text(f"if [ \"$(wc -l < '{count}')\" -ge {most} ]; then exit 1; fi\n"
                          f"echo x >> '{count}'\nexec {world.hana.signer}\n")
        count.write_text("")
        world.hana.use(f"sh '{script}'")
        answer = world.hana.drover("rollout", "start", world.spec(), "--yes", "-o", "json")
        if answer.code == 0:
            break
        refused(answer, "DRV-7032")
        assert len(world.rollouts()) == before
    assert most == 3  # the draft's question, the order, the question that starts it
    world.hana.use(world.hana.signer)
    world.ends(answer.json["rollout"])


# A key is taken out at once.


def test_who_and_what_is_shown(world):
    fleet = world.fleet
    key = world.key_of("bob")
    asked = refused(fleet.drover("key", "revoke", "bob", "--reason", "laptop stolen"), "DRV-1", 4)
    for line in ("name            bob\n", "kind            operator\n", f"key             {key}\n",
                 "no longer       operator, application any, environment any, tenants any\n",
                 "no longer       rollback, application any, environment any, tenants any\n",
                 "no longer       ask the coordinator anything; its connections end\n",
                 "reason          laptop stolen\n"):
        assert line in asked.out, asked
    assert "take this operator key of bob out, for good, as operator?" in asked.err
    assert "beware" not in asked.out
    own = refused(fleet.drover("key", "revoke", world.key_of("operator")[:8], "--reason", "x"),
                  "DRV-1", 4)
    assert "beware          it is the key that you are signing with\n" in own.out
    world.bob.ok("tenants")


@pytest.mark.parametrize("who, says", [
    ("nobody", "names no active key"), ("operator", "has several keys"), ("abc", "names no active"),
    ("root", "only the next trust file takes out")])
def test_no_such_key(world, who, says):
    who = world.key_of("operator", "root") if who == "root" else who
    said = refused(world.fleet.drover("key", "revoke", who, "--reason", "x", "--yes"), "DRV-7035")
    assert says in said.err, said


def test_only_administrators_take_keys_out(world):
    refused(world.bob.drover("key", "revoke", "hana", "--reason", "x", "--yes"), "DRV-7015")
    refused(world.fleet.drover("key", "revoke", "bob", "--yes"), "DRV-1001", 2)
    world.hana.ok("tenants")


def test_a_key_is_taken_out_of_a_fleet_at_work(world):
    """Bob's watch ends, his questions are refused; the tenant in hand is finished, and no agent
    starts anything more of his order, nor takes an order of his from a file."""
    fleet, first = world.fleet, TENANTS[0]
    hold = world.order(world.bob, "hold", "bob-hold")
    release = world.order(world.bob, "release", "bob-release")
    late = world.order(world.bob, "hold", "bob-late")
    assert world.drop(hold, "bob-hold") == "accepted"
    assert world.drop(release, "bob-release") == "accepted"
    world.gates.shut(first)
    rollout = world.start(world.bob)
    world.gates.await_somebody(first)
    before = world.counts()
    with subprocess.Popen([program("drover"), "rollout", "watch", rollout], text=True,
                          env=clean_environment(DROVER_CONFIG=str(world.bob.config)),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watch:
        watch.stdout.readline()  # it has an answer
        agent = fleet.agents["one"].mark()
        done = fleet.ok("key", "revoke", "bob", "--reason", "laptop stolen", "--yes", "-o", "json")
        fleet.agents["one"].wait_for_line(r"event=\"trust changed\" what=\"a key was revoked\"",
                                          after=agent)
        _, said = watch.communicate(timeout=COMMAND_S)
    assert watch.returncode != 0 and "DRV-5006" in said, said
    assert (done.json["name"], done.json["kind"], done.json["state"], done.json["known"]) == (
        "bob", "operator", "revoked", False)
    for line in (["tenants"], ["rollout", "stop", rollout], ["fleet", "hold", "--yes"]):
        refused(world.bob.drover(*line), "DRV-5006")
    world.gates.open(first)
    rollouts.follow(fleet, rollout)
    assert world.counts() == [before[0] + 1, *before[1:]]
    failed = {task["code"] for task in rollouts.tasks(fleet, rollout).values() if task["code"]}
    assert failed == {"DRV-7011"}
    assert world.drop(late, "bob-late") == "refused"
    assert "DRV-7011" in world.why("bob-late")
    fleet.ok("rollout", "stop", rollout, "--yes")


def test_it_stays_out(world):
    """Told twice it is known; a restart of both programs forgets nothing of it."""
    fleet = world.fleet
    again = fleet.ok("key", "revoke", world.key_of("bob"), "--reason", "again", "--yes")
    assert "was taken out before" in again.err
    fleet.coordinator.kill()
    fleet.agents["one"].kill()
    fleet.start_coordinator()
    fleet.start_agent("one")
    refused(world.bob.drover("tenants"), "DRV-5006")
    other = world.order(world.bob, "hold", "bob-again")
    assert world.drop(other, "bob-again") == "refused"
    log = fleet.ok("audit", "log", "--action", "trust.revoke", "-o", "json").out
    assert "laptop stolen" in log and world.key_of("bob") in log


def test_two_administrators_take_a_key_out(world):
    """The first one's file is completed by the second, whose key is elsewhere."""
    fleet, file = world.fleet, world.fleet.folder / "eve.revocation"
    eve = team.Person(fleet, "eve")
    world.chain.publish(eve.added("operator"), ["threshold", "admin", "--count", 2])
    eve.ok("tenants")
    line = ("key", "revoke", "eve", "--yes", "--revocation", file)
    lone = refused(fleet.drover("key", "revoke", "eve", "--yes", "--reason", "left"), "DRV-7046", 4)
    assert "1 of 2 signatures" in lone.err and "--revocation FILE" in lone.err
    first = refused(fleet.drover(*line, "--reason", "left"), "DRV-7046", 4)
    assert f"the next administrator signs with --revocation {file}" in first.err
    refused(fleet.drover(*line), "DRV-7004")
    eve.ok("tenants")
    other = refused(world.hana.drover("key", "revoke", world.key_of("operator"), "--yes",
                                      "--revocation", file), "DRV-7045")
    assert "takes out another key" in other.err
    last = refused(world.hana.drover("key", "revoke", "hana", "--reason", "x"), "DRV-1", 4)
    assert "beware          too few administrators are left" in last.out
    done = world.hana.ok(*line)
    assert "reason          left\n" in done.out
    assert "the operator key of eve is taken out" in done.err
    refused(eve.drover("tenants"), "DRV-5006")
    # whose answer was lost gives the command again
    assert "was taken out before" in fleet.ok(*line).err


def test_a_release_key_is_taken_out(world):
    """What it alone has signed is moved no more."""
    fleet = world.fleet
    world.chain.publish(["threshold", "admin", "--count", 1])
    fleet.ok("key", "revoke", world.key_of("operator", "release"), "--reason", "leaked", "--yes")
    answer = fleet.drover("rollout", "start", world.spec(), "--yes", "--wait")
    assert answer.code != 0, answer
    assert world.counts()[1:] == [world.position] * 2
