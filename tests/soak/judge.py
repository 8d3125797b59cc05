"""The oracle of tests/faults over the whole field, and what a soak adds to its questions.

Rollouts that people resumed or retried have waves that overlap, catalogs were replaced, and one job
may have changed a tenant several times: what is asked is said for those cases here.
"""
import contextlib
import re
import sqlite3
from types import SimpleNamespace

import oracle

KNOWN = "SELECT order_id FROM operator_order"
SIGNED = "SELECT order_id FROM signed_order"
FOREIGN = re.compile(r"^report (\d+) is about job ")


class World(oracle.World):
    """One server's tenants; orders of catalogs that were replaced were given all the same."""

    def __init__(self, server, fleet, names, replaced):
        super().__init__(server, fleet, names)
        self.replaced = replaced

    def catalog(self, question, *values):
        rows = super().catalog(question, *values)
        if question == KNOWN:  # a standing order is none of those that a rollout was made by
            rows += super().catalog(SIGNED)
        for path in self.replaced if question == KNOWN else []:
            with contextlib.closing(sqlite3.connect(path)) as file:
                rows += file.execute(f"{KNOWN} UNION {SIGNED}").fetchall()
        return rows


def judge_points(world):
    """3: before the first change of a job that was to have a dump there is a point of its tenant
    and rollout, of where the tenant stood."""
    found = []
    wanted = world.catalog(
        "SELECT t.job_id, t.tenant_id, t.tenant_name, t.rollout_id FROM task AS t JOIN rollout AS r"
        " USING (rollout_id) WHERE r.kind = 1 AND r.recovery_kind = 'dump' AND t.touched = 1")
    points = {}
    for tenant, rollout, position, taken_us in world.catalog(
            "SELECT tenant_id, rollout_id, position, taken_us FROM recovery_point"):
        points.setdefault((tenant, rollout, position), []).append(taken_us)
    for job, tenant, name, rollout in wanted:
        if name not in world.tenants:
            continue
        rows = [row for row in world.rows[name] if row["job"] == job and row["kind"] == "apply"]
        taken = points.get((tenant, rollout, rows[0]["position"] - 1), []) if rows else []
        if rows and not any(time_us <= rows[0]["finished_us"] for time_us in taken):
            found.append(f"3 {name}: applied {rows[0]['version']} in {rollout[:8]} without a "
                         f"recovery point of before")
    return found


def judge_waves(world, odd):
    return [line for line in oracle.judge_waves(world) if line.split()[1].rstrip(":") not in odd]


def judge_acknowledged(world):
    """10: below what was acknowledged each report is there, or the audit log says that it was about
    a job that its agent was not given, as where the catalog went back or a lease moved on."""
    found = []
    for key, name, acknowledged, state in world.catalog(
            "SELECT agent_key, name, acknowledged, state_id FROM agent"):
        numbers = {row[0] for row in world.catalog(
            "SELECT number FROM report WHERE agent_key = ? AND state_id = ?", key, state)}
        told = {int(FOREIGN.match(row[0]).group(1)) for row in world.catalog(
            "SELECT detail FROM audit WHERE action = 'report.foreign' AND actor = ?", name)
            if FOREIGN.match(row[0])}
        missing = set(range(1, acknowledged + 1)) - numbers - told
        if missing:
            found.append(f"10 {name}: acknowledged up to {acknowledged} without {sorted(missing)}")
    return found


def judge_reports(world):
    """8 and 11 as the oracle asks them, and 10 as above."""
    return [line for line in oracle.judge_reports(world) if not line.startswith("10 ")] + \
        judge_acknowledged(world)


def judge_end(world):
    """13: nothing is open, and what failed says why."""
    found = [f"13 {name}: a rollout in state {state}, {reason}" for name, state, reason in
             world.catalog("SELECT name, state, reason FROM rollout WHERE finished_us = 0")]
    return found + [f"13 {tenant}: ended in state {state} without a reason" for tenant, state in
                    world.catalog("SELECT tenant_name, state FROM task WHERE state IN (8, 9, 11)"
                                  " AND error_code = '' AND error = '' AND notes = ''")]


def beside(world):
    """12: what a restore that was cut off left beside its tenant is named by the doctor, with the
    command that drops it; the next restore of the tenant drops it, too."""
    named = world.fleet.drover("doctor", "-o", "json").out
    return [line for line in oracle.beside(world) if f'\\"{line.split()[-1]}\\"' not in named]


def judge(field, weather, odd):
    """All that is wrong, as lines; a field at rest is wanted."""
    found = []
    for where, server in field.servers.items():
        world = World(server, field.fleet, field.names[where], weather.replaced)
        world.rows = {name: oracle.ledger(world, name) for name in world.tenants}
        for name, rows in world.rows.items():
            found += oracle.judge_effects(world, name, rows)
            found += oracle.judge_ledger(name, rows)
            found += oracle.judge_orders(world, name, rows)
            found += oracle.settled(lambda name=name: oracle.left_behind(world, name))
        found += judge_points(world) + judge_waves(world, odd) + judge_reports(world)
        found += oracle.settled(lambda: beside(world)) + judge_end(world)
    return list(dict.fromkeys(found))


def counted(field):
    """What the ledgers say was done, over all tenants."""
    count = SimpleNamespace(apply=0, undo=0, restore=0)
    for where, server in field.servers.items():
        world = oracle.World(server, field.fleet, field.names[where])
        for name in world.tenants:
            for row in oracle.ledger(world, name):
                if hasattr(count, row["kind"]):
                    setattr(count, row["kind"], getattr(count, row["kind"]) + 1)
    return count
