"""Recovery points from a test's side: a fleet of tenants with and without one, and what stands.

Judged by the files in the store, the server's databases and the tenants' own traces. Of a whole
recovery point there is exactly one, of half ones none.
"""
from contextlib import contextmanager

from lib import configs, effects, rollouts
from lib.fleet import Fleet

COUNT = 4  # migrations of the chain
STOOD_AT = 2  # where those that are restored stood when they were backed up
DUMP = {"recovery_point": {"policy": "dump", "trial_restore": "all"}}
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}


@contextmanager
def open_fleet(folder, postgres, fresh, stood):
    """`fresh` tenants stand at their baseline; those that `stood` at STOOD_AT have a backup of
    that, of several chunks, and were brought to the head since."""
    postgres.create_tenants([*fresh, *stood])
    for name in (*fresh, *stood):  # bytes that do not compress: a dump of some hundred kilobytes
        postgres.run("SET ROLE tenant_owner; CREATE TABLE bulk AS SELECT md5(n::text) AS m"
                     " FROM generate_series(1, 40000) AS n", name)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, [*fresh, *stood])]},
               coordinator_changes={"lease": "2s"}) as fleet:
        fleet.push_bundle(effects.write(folder / "chain", COUNT, outside=(3,)), "chain")
        rollouts.baseline(fleet, application="chain")
        select = f"name in ({','.join(stood)})"
        spec = fleet.write_spec("chain", select=select, target=f"V{STOOD_AT:03d}", **NO_POINT)
        rollouts.assert_ends(fleet, rollouts.start(fleet, spec), "succeeded")
        fleet.ok("backup", "create", "--select", select, "--yes", "--wait")
        rollouts.assert_ends(fleet, rollouts.start(
            fleet, fleet.write_spec("chain", select=select, **NO_POINT)), "succeeded")
        fleet.fresh, fleet.stood = iter(fresh), iter(stood)
        yield fleet


def store(fleet, name):
    """The tenant's folder of backups, which need not be there."""
    shown = fleet.ok("tenant", "show", name, "-o", "json").json["tenant"]
    return fleet.folder / "one" / "backups" / shown["tenant"]


def files(fleet, name):
    folder = store(fleet, name)
    return sorted(path.suffix for path in folder.iterdir()) if folder.exists() else []


def listed(fleet, name):
    return fleet.ok("backup", "list", name, "-o", "json").json["backups"]


def assert_one_point(fleet, postgres, name):
    """One whole backup, known to the catalog, that reads from end to end; nothing beside it."""
    assert files(fleet, name) == [".dbk", ".manifest"]
    (point,) = listed(fleet, name)
    assert list(store(fleet, name).glob(f"*{point['backup']}.dbk"))
    fleet.ok("backup", "check", point["backup"], "--wait")
    assert_nothing_beside(postgres)
    return point


def assert_nothing_beside(postgres, kept=()):
    """No database of ours but those kept after a restore."""
    ours = [name for name in postgres.databases() if "drover" in name]
    assert [name for name in ours if "_drover_old_" not in name] == []
    assert len([name for name in ours if name.startswith(tuple(kept))]) == len(kept)


def ledger(postgres, name):
    return postgres.run("SELECT seq, kind, version FROM drover.history ORDER BY seq", name)


def failure(fleet, rollout):
    (task,) = fleet.ok("rollout", "failures", rollout, "-o", "json").json["tasks"]
    return task


def go_on(fleet, rollout):
    fleet.ok("rollout", "retry", rollout, "--yes")
    rollouts.assert_ends(fleet, rollout, "succeeded")
