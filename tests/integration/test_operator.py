"""What an operator reads of a rollout that rests: notes line by line, a bound by its name."""
import pytest

from lib import configs, migrations, rollouts
from lib.fleet import Fleet

TENANTS = ["shop_0", "shop_1"]


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    postgres.create_tenants(TENANTS)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, TENANTS)]},
               coordinator_changes={"limits": {"rollouts": 1}}) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def paused(fleet, postgres):
    """A rollout that found two tables which nobody told Drover of."""
    fleet.push_bundle(migrations.EXAMPLE)
    rollouts.baseline(fleet)
    postgres.run("SET ROLE tenant_owner; CREATE TABLE a (n int); CREATE TABLE b (n int)",
                 TENANTS[0])
    spec = fleet.write_spec("shop", select=f"name={TENANTS[0]}",
                            recovery_point={"policy": "none", "reason": "throwaway data"})
    rollout = rollouts.start(fleet, spec)
    assert rollouts.follow(fleet, rollout)["state"] == "paused"
    return rollout


def test_failures_stand_line_by_line(fleet, paused):
    shown = fleet.ok("rollout", "failures", paused).out
    notes = fleet.ok("rollout", "failures", paused, "-o", "json").json["tasks"][0]["notes"]
    assert "DRV-3025" in shown
    assert "\\x0a" not in shown
    assert len(notes.splitlines()) > 1
    for line in notes.splitlines()[1:]:
        assert f"\n    {line}\n" in shown


def test_report(fleet, paused):
    report = fleet.ok("rollout", "report", paused).out
    assert "\n| Tenants | 1 |\n" in report
    assert f"\n## Notes\n\n### {TENANTS[0].replace('_', chr(92) + '_')}\n\n    " in report
    assert "\\x0a" not in report


def test_one_rollout_too_many(fleet, paused):
    answer = fleet.drover("backup", "create", "--tenant", TENANTS[1])
    assert answer.code != 0
    assert "limits.rollouts" in answer.err
    assert len(fleet.ok("rollout", "list", "-o", "json").json["rollouts"]) == 1
    fleet.ok("rollout", "stop", paused)
    fleet.ok("backup", "create", "--tenant", TENANTS[1])


def test_agents_name_their_clusters(fleet, postgres):
    shown = fleet.ok("agents").out
    assert f" {postgres.name} " in shown
    assert "[" not in shown
