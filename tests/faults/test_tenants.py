"""A hostile slow tenant delays only itself: locks that are not let go, statements that sleep."""
from functools import partial

import pytest

import stage as stages
from lib import gates, rollouts

EACH = 4
GATED = 2  # its script sleeps while a gate of its tenant is shut
LOCK = "LOCK TABLE public.trace IN ACCESS EXCLUSIVE MODE"
ALONE = """
BEGIN; LOCK TABLE drover.fence IN ACCESS EXCLUSIVE MODE;
LOCK TABLE drover.history IN ACCESS EXCLUSIVE MODE
"""


@pytest.fixture(scope="module")
def stage(folder, postgres):
    names = [f"h{number:02d}" for number in range(3 * EACH)]
    cluster = stages.configs.cluster(postgres, names, parallel=2)
    with stages.open_stage(folder, postgres, names, cluster,
                           write=partial(gates.write, gated=(GATED,))) as stage:
        yield stage


def first_step(stage):
    names = [stage.tenant() for _ in range(EACH)]
    spec = stage.spec(*names, policy=stages.NO_POINT, target="V001")
    rollouts.assert_ends(stage.fleet, rollouts.start(stage.fleet, spec), "succeeded")
    return names


def run_past(stage, names, **changes):
    """A rollout in which all but the first tenant come through while that one holds on."""
    rollout = rollouts.start(stage.fleet, stage.spec(*names, policy=stages.NO_POINT, **changes))
    rollouts.await_status(stage.fleet, rollout, lambda _: all(
        task["state"] == "succeeded" or name == names[0]
        for name, task in rollouts.tasks(stage.fleet, rollout).items()))
    assert rollouts.tasks(stage.fleet, rollout)[names[0]]["state"] != "succeeded"
    stage.judge(*names[1:])
    return rollout


@pytest.mark.parametrize("what, words", [("holds its table", f"BEGIN; {LOCK}"),
                                         ("holds Drover's own tables", ALONE)])
def test_tenant_locks(stage, postgres, what, words):
    names = first_step(stage)
    holder = postgres.connect(names[0])
    with holder.cursor() as cursor:
        cursor.execute(words)
    rollout = run_past(stage, names)
    holder.close()
    took = stage.finish(rollout)
    stage.judge(*names)
    stages.note(f"a tenant {what}", "rollout of four", "three pass; " +
                "".join(f"{s}, retried; " for s in took) + "succeeded once it lets go")


def test_tenant_sleeps(stage, postgres):
    names = first_step(stage)
    gate = gates.Gates(postgres)
    gate.shut(names[0])
    rollout = run_past(stage, names)
    gate.await_somebody(names[0])
    gate.open_all()
    took = stage.finish(rollout)
    stage.judge(*names)
    stages.note("a tenant's statement sleeps", "rollout of four", "three pass; " +
                "".join(f"{s}, retried; " for s in took) + "succeeded once it is awake")
