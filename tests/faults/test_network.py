"""Partitions between agent and coordinator, and messages that are lost, doubled, late, reordered.

CURVE ends a connection that was tampered with, so that single messages go wrong inside the sender
(shim.c), and whole directions in a relay.
"""
import pytest

import oracle
import relay as relays
import stage as stages
from lib import configs

EACH = 3  # tenants of a row
SEEDS = range(1, 21 if stages.ALL else 3)
PARTITIONS = {"both ways, connections ended": lambda relay: relay.cut(),
              "both ways, silent": lambda relay: relay.hold(relays.UP, relays.DOWN),
              "agent is not heard": lambda relay: relay.hold(relays.UP),
              "agent hears nothing": lambda relay: relay.hold(relays.DOWN)}
MOMENTS = ["idle", "with jobs in hand"]
CUTS = [(partition, when) for i, partition in enumerate(PARTITIONS)
        for j, when in enumerate(MOMENTS) if stages.ALL or (i + j) % 2 == 0]
ROWS = len(CUTS) + len(SEEDS) * 2
RESTING = {3, 5, 6, 7, 8}  # rollout states that need an operator, or nobody


@pytest.fixture(scope="module")
def stage(folder, postgres):
    names = [f"n{number:03d}" for number in range(ROWS * EACH)]
    postgres.create_tenants(names)
    fleet = stages.Fleet(folder / "fleet", {"one": [configs.cluster(postgres, names, parallel=2)]},
                         coordinator_changes={"lease": "2s", "unreachable_after": "2s"})
    relay = relays.Relay("127.0.0.1", int(fleet.address.rsplit(":", 1)[1]))
    fleet.agent_changes = {"coordinator": {"address": f"tcp://127.0.0.1:{relay.port}"}}
    try:
        with fleet:
            fleet.push_bundle(stages.effects.write(folder / "chain", stages.COUNT,
                                                   outside=stages.OUTSIDE), "chain")
            stages.rollouts.baseline(fleet, application="chain")
            stage = stages.Stage(fleet, postgres, names)
            stage.relay = relay
            yield stage
    finally:
        relay.close()


def tenants(stage):
    return [stage.tenant() for _ in range(EACH)]


@pytest.mark.parametrize("partition, when", CUTS)
def test_partition(stage, partition, when):
    names = tenants(stage)
    mark = stage.fleet.coordinator.mark()
    rollout = None
    if when != "idle":
        rollout = stages.rollouts.start(stage.fleet, stage.spec(*names, policy=stages.NO_POINT))
        stages.rollouts.await_status(stage.fleet, rollout, lambda shown:
                                     shown["in_flight"] > 0 or shown["state"] == "succeeded")
    PARTITIONS[partition](stage.relay)
    if rollout is None:
        rollout = stages.rollouts.start(stage.fleet, stage.spec(*names, policy=stages.NO_POINT))
    stage.fleet.coordinator.wait_for_line('event="agent (offline|silent)"', after=mark)
    stage.relay.heal()
    took = stage.finish(rollout)
    stage.judge(*names)
    stages.note(f"partition: {partition}", when,
                "heals; " + "".join(f"{state}, retried, " for state in took) + "succeeded")


def to_rest(stage, rollout):
    """Until the catalog has it at rest: an operator's own questions would be lost as well."""
    world = oracle.World(stage.postgres, stage.fleet, [])
    try:
        stages.await_true(lambda: world.catalog("SELECT state FROM rollout WHERE rollout_id = ?",
                                                rollout)[0][0] in RESTING,
                          "the rollout does not rest")
    except AssertionError:
        print(stage.fleet.output()[-20000:])
        raise


@pytest.mark.parametrize("who", ["agent", "coordinator"])
@pytest.mark.parametrize("seed", SEEDS)
def test_messages(stage, who, seed):
    names = tenants(stage)
    chaos = stage.shim(FAULT_CHAOS=f"{seed}:150")
    stage.fleet.agents["one"].stop()
    rollout = stages.rollouts.start(stage.fleet, stage.spec(*names, policy=stages.NO_POINT))
    if who == "coordinator":
        stage.fleet.coordinator.stop()
        stage.fleet.start_coordinator(**chaos)
    stage.fleet.start_agent("one", **(chaos if who == "agent" else {}))
    to_rest(stage, rollout)
    stage.fleet.agents["one"].stop()
    if who == "coordinator":
        stage.fleet.coordinator.stop()
        stage.fleet.start_coordinator()
    stage.start_agent()
    took = stage.finish(rollout)
    stage.judge(*names)
    stages.note("messages lost, doubled, reordered", f"{who}'s",
                "".join(f"{state}, retried, " for state in took) + "succeeded")
