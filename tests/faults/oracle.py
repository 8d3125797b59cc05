"""One judge for all faults: what databases, files and the catalog say, and nobody's word.

judge() reads the tenants' side effects (lib/effects.py) and ledgers, the coordinator's catalog, the
agents' journals and backups and the server's own tables, and answers what is wrong as lines that
begin with the number of the invariant (docs/RELIABILITY.md). It asks no program of ours and knows
no engine. How rollouts and agents came to their end is judged in oracle_flow.py.
"""
import contextlib
import sqlite3
import time
from collections import Counter

import oracle_flow

LEDGER = """
SELECT seq, generation, kind, position, version, epoch, incarnation::text, attempt_id::text,
       job_id::text, order_id::text, encode(previous_digest, 'hex'), encode(row_digest, 'hex'),
       started_us, finished_us, encode(script_digest, 'hex')
  FROM drover.history ORDER BY seq"""
FIELDS = ("seq", "generation", "kind", "position", "version", "epoch", "incarnation", "attempt",
          "job", "order", "previous", "digest", "started_us", "finished_us", "script")
SUCCEEDED, NOT_NEEDED = 6, 7  # task states that say that the tenant stands at the target
GONE_S = 30  # a net: what ends by itself has ended by then


class World:
    """Where the judge looks: a server, its tenants, the coordinator's and an agent's folder."""

    def __init__(self, postgres, fleet, tenants):
        self.postgres = postgres
        self.fleet = fleet
        self.tenants = tenants

    def catalog(self, question, *values):
        return ask(self.fleet.folder / "catalog.sqlite", question, values)

    def journal(self, agent, question, *values):
        return ask(self.fleet.folder / agent / "state" / "journal.sqlite", question, values)


def ask(path, question, values):
    """What a file of SQLite's answers, whoever else has it open."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as file:
        return file.execute(question, values).fetchall()


def ledger(world, tenant):
    if not world.postgres.value("SELECT to_regclass('drover.history') IS NOT NULL", tenant):
        return []
    return [dict(zip(FIELDS, row)) for row in world.postgres.run(LEDGER, tenant)]


def fold(rows):
    """Versions that a ledger's own rows leave applied, or why they cannot be folded."""
    applied = []
    for row in rows:
        if row["kind"] in ("baseline", "restore", "adopt"):
            applied = applied[:row["position"]]
        elif row["kind"] == "apply":
            if row["position"] != len(applied) + 1:
                raise ValueError(f"row {row['seq']} applies position {row['position']} on "
                                 f"{len(applied)}")
            applied.append(row["version"])
        elif row["kind"] == "undo":
            if not applied or applied.pop() != row["version"]:
                raise ValueError(f"row {row['seq']} takes back {row['version']}, not the head")
    return applied


def judge_effects(world, tenant, rows):
    """1: each migration took effect as often as the ledger says, and its tables stand."""
    found = []
    if world.postgres.value("SELECT to_regclass('public.trace') IS NOT NULL", tenant):
        traces = Counter(world.postgres.run("SELECT version, direction FROM public.trace", tenant))
    else:
        traces = Counter()
    said = Counter((row["version"], row["kind"]) for row in rows
                   if row["kind"] in ("apply", "undo"))
    for key in sorted(set(traces) | set(said)):
        if traces[key] != said[key] and key != ("V001", "undo"):
            found.append(f"1 {tenant}: {key} took effect {traces[key]} times, "
                         f"the ledger says {said[key]}")
    standing = set(world.postgres.run(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '^t[0-9]+$'",
        tenant))
    try:
        applied = {(f"t{int(version[1:])}",) for version in fold(rows)}
    except ValueError as problem:
        return [*found, f"2 {tenant}: {problem}"]
    if standing != applied:
        found.append(f"1 {tenant}: tables {sorted(standing)}, the ledger says {sorted(applied)}")
    return found


def judge_ledger(tenant, rows):
    """2: a contiguous, chained prefix; 6 and 7: tokens only grow, one run an epoch."""
    found = []
    for before, row in zip([None, *rows], rows):
        if row["seq"] != (before["seq"] + 1 if before else 1):
            found.append(f"2 {tenant}: row {row['seq']} follows {before and before['seq']}")
        if before and row["previous"] != before["digest"]:
            found.append(f"2 {tenant}: row {row['seq']} cites another row than the one before")
        if before and (row["epoch"] < before["epoch"] or row["epoch"] == before["epoch"] and
                       row["incarnation"] != before["incarnation"]):
            found.append(f"6 {tenant}: row {row['seq']} has the token {row['epoch']}"
                         f" {row['incarnation']} after {before['epoch']} {before['incarnation']}")
        if before and row["generation"] < before["generation"]:
            found.append(f"6 {tenant}: the generation falls at row {row['seq']}")
    scripts = {}
    for row in rows:
        if row["kind"] == "apply" and scripts.setdefault(row["version"], row["script"]) != \
                row["script"]:
            found.append(f"2 {tenant}: {row['version']} with two digests")
    return found


def judge_points(world):
    """3: what was applied under an order of dumps had its recovery point before it."""
    found = []
    for job, tenant, reference, position in world.catalog(
            "SELECT t.job_id, t.tenant_name, t.reference, t.from_position FROM task AS t"
            " JOIN rollout AS r USING (rollout_id) WHERE r.kind = 1 AND r.recovery_kind = 'dump'"
            " AND t.touched = 1"):
        if tenant not in world.tenants:
            continue
        rows = [row for row in ledger(world, tenant)
                if row["job"] == job and row["kind"] == "apply"]
        points = world.catalog("SELECT taken_us, position FROM recovery_point WHERE reference = ?",
                               reference)
        if rows and not points:
            found.append(f"3 {tenant}: applied {rows[0]['version']} without a recovery point")
        elif rows and (points[0][0] > rows[0]["finished_us"] or points[0][1] != position):
            found.append(f"3 {tenant}: its recovery point is not of before {rows[0]['version']}")
    return found


def judge_waves(world):
    """4: no tenant of a wave has a row of the ledger older than the last of the wave before."""
    found = []
    jobs = {job: (rollout, wave) for job, rollout, wave in
            world.catalog("SELECT job_id, rollout_id, wave FROM task")}
    times = {}
    for tenant in world.tenants:
        for row in ledger(world, tenant):
            if row["job"] in jobs and row["kind"] == "apply":
                times.setdefault(jobs[row["job"]], []).append((row["started_us"],
                                                               row["finished_us"]))
    for (rollout, wave), rows in times.items():
        before = times.get((rollout, wave - 1))
        if before and min(start for start, _ in rows) < max(end for _, end in before):
            found.append(f"4 {rollout}: wave {wave} began before wave {wave - 1} had ended")
    return found


def judge_orders(world, tenant, rows):
    """5: each change cites an order that the catalog holds, signed."""
    known = {row[0] for row in world.catalog("SELECT order_id FROM operator_order")}
    return [f"5 {tenant}: row {row['seq']} cites no order" for row in rows
            if row["kind"] in ("apply", "undo") and row["order"] not in known]


def judge_reports(world):
    """8: named tenants have ended; 10: no gap below what was acknowledged; 11: the catalog says
    applied where the ledger does."""
    found = []
    for name, acknowledged, state in world.catalog(
            "SELECT agent_key, acknowledged, state_id FROM agent"):
        numbers = {row[0] for row in world.catalog(
            "SELECT number FROM report WHERE agent_key = ? AND state_id = ?", name, state)}
        missing = set(range(1, acknowledged + 1)) - numbers
        if missing:
            found.append(f"10 {name[:8]}: acknowledged up to {acknowledged} without "
                         f"{sorted(missing)[:5]}")
    for job, tenant, state, position, rollout in world.catalog(
            "SELECT t.job_id, t.tenant_name, t.state, t.position, t.rollout_id FROM task AS t"
            " JOIN rollout AS r USING (rollout_id) WHERE r.finished_us > 0"):
        if tenant in world.tenants and state not in oracle_flow.FINAL:
            found.append(f"8 {tenant}: state {state} in {rollout}, which is over")
    for tenant in world.tenants:
        rows = ledger(world, tenant)
        latest = world.catalog(
            "SELECT t.state, t.position FROM task AS t"
            " JOIN rollout AS r USING (rollout_id) WHERE t.tenant_name = ? AND r.kind IN (1, 2)"
            " ORDER BY r.created_us DESC LIMIT 1", tenant)
        if latest and rows and latest[0][0] in (SUCCEEDED, NOT_NEEDED):
            try:
                stands = len(fold(rows))
            except ValueError:
                continue
            if stands != latest[0][1]:
                found.append(f"11 {tenant}: the catalog says {latest[0][1]}, its ledger {stands}")
    return found


def left_behind(world, tenant):
    postgres = world.postgres
    found = []
    if postgres.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid", tenant):
        found.append(f"12 {tenant}: an INVALID index")
    if postgres.value("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename ="
                      " 'drover' AND state <> 'idle'", tenant, values=(tenant,)):
        found.append(f"12 {tenant}: a session of ours at work")
    if postgres.value("SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
                      " WHERE l.locktype = 'advisory' AND a.datname = %s AND a.usename = 'drover'",
                      tenant, values=(tenant,)):
        found.append(f"12 {tenant}: a lock of ours")
    return found


def beside(world):
    found = [f"12 database {name}" for name in world.postgres.databases()
             if "drover_trial" in name or "_drover_new_" in name]
    for agent in world.fleet.agent_clusters:
        found += [f"12 {path.name}" for path in
                  (world.fleet.folder / agent / "backups").rglob("*.partial")]
    return found


def settled(look):
    """What is still found when there was time to end."""
    end = time.monotonic() + GONE_S
    found = look()
    while found and time.monotonic() < end:
        time.sleep(0.1)  # sessions end by themselves
        found = look()
    return found


def judge(world):
    """All that is wrong, as lines; a fleet at rest is wanted."""
    found = settled(lambda: oracle_flow.judge_ends(world))  # first: what follows is of a rest
    for tenant in world.tenants:
        rows = ledger(world, tenant)
        found += judge_effects(world, tenant, rows)
        found += judge_ledger(tenant, rows)
        found += judge_orders(world, tenant, rows)
        found += oracle_flow.judge_rollback(world, tenant, rows)
        found += settled(lambda: left_behind(world, tenant))
    return found + judge_points(world) + judge_waves(world) + judge_reports(world) + \
        oracle_flow.judge_budgets(world) + settled(lambda: beside(world))
