"""What the judge (oracle.py) says of rollouts on their way: budgets, rollbacks, and ends.

Numbers are those that the catalog and the agents' journals store (docs/STATES.md lists their names;
coordinator/engine/model.h and agent/engine/job_table.h have them).
"""
CONTINUE = 2  # the failure policy under which no budget is kept
FAILED, REFUSED, OUTSTANDING = 8, 9, 11  # task states that count against it
FINAL = {6, 7, 8, 9, 10, 11, 12}
PLANNED, RUNNING, PAUSED = 0, 1, 2  # rollout states
ENDED = {5, 6, 7, 8}
AWAITING = 6  # a wave's state
BACKUP, APPLY = 2, 3  # steps of a report that go forward
SAYS_NO = {4, 8}  # its outcomes by which nothing was begun: refused, cancelled
HOLD, RELEASE = 9, 10  # kinds of signed orders
HELD = """
SELECT 1 FROM rollout AS r JOIN signed_order AS h ON h.application IN ('', r.application)
 WHERE r.rollout_id = ? AND r.kind = 1 AND h.kind = ? AND h.accepted_us > 0
   AND NOT EXISTS (SELECT 1 FROM signed_order AS e WHERE e.kind = ? AND e.accepted_us > 0
                   AND e.application IN ('', h.application) AND e.issued_us >= h.issued_us)"""


def judge_budgets(world):
    """4: past the budget failed only what was in flight when it was spent."""
    found = []
    failed = {}
    for rollout, wave, spare, tenant, began, ended in world.catalog(
            "SELECT t.rollout_id, t.wave, w.budget + w.forgiven, t.tenant_name, t.started_us,"
            " t.finished_us FROM task AS t JOIN wave AS w ON w.rollout_id = t.rollout_id"
            " AND w.number = t.wave WHERE w.on_failure <> ? AND t.state IN (?, ?, ?)"
            " ORDER BY t.finished_us", CONTINUE, FAILED, REFUSED, OUTSTANDING):
        failed.setdefault((rollout, wave, spare), []).append((tenant, began, ended))
    for (rollout, wave, spare), rows in failed.items():
        if len(rows) <= spare:
            continue
        spent = rows[spare][2]
        found += [f"4 {tenant}: failed in wave {wave} of {rollout}, begun after its budget of "
                  f"{spare} was spent" for tenant, began, _ in rows if began > spent]
    return found


def judge_rollback(world, tenant, rows):
    """9: nothing of an order goes forward on a tenant that its rollback has taken in hand."""
    found = []
    jobs = {job: rollout for job, rollout in world.catalog(
        "SELECT t.job_id, t.rollout_id FROM task AS t JOIN rollout AS r USING (rollout_id)"
        " WHERE t.tenant_name = ? AND r.kind = 1", tenant)}
    back = {}  # a rollout of this tenant: when the work that takes it back was first reported
    for parent, began in world.catalog(
            "SELECT r.parent_id, min(p.started_us) FROM task AS t"
            " JOIN rollout AS r USING (rollout_id) JOIN report AS p USING (job_id)"
            " WHERE t.tenant_name = ? AND r.parent_id <> '' AND r.kind IN (2, 3)"
            " AND p.started_us > 0 GROUP BY r.parent_id", tenant):
        back[parent] = began
    taken = set()  # jobs that applied something which another job undid
    for row in rows:
        began = back.get(jobs.get(row["job"]))
        if row["kind"] == "apply" and row["job"] in taken:
            found.append(f"9 {tenant}: row {row['seq']} is of a job that was taken back before it")
        elif row["kind"] == "apply" and began is not None and row["started_us"] > began:
            found.append(f"9 {tenant}: row {row['seq']} was begun after its rollback was")
        elif row["kind"] in ("undo", "restore"):
            taken |= {before["job"] for before in rows if before["seq"] < row["seq"] and
                      before["kind"] == "apply" and before["job"] != row["job"] and
                      before["position"] > row["position"] - (row["kind"] == "undo")}
    for job, number, step, outcome, began in world.catalog(
            "SELECT p.job_id, p.number, p.step, p.outcome, p.started_us FROM report AS p"
            " JOIN task AS t USING (job_id) WHERE t.tenant_name = ?", tenant):
        late = back.get(jobs.get(job))
        if late is not None and step in (BACKUP, APPLY) and outcome not in SAYS_NO and began > late:
            found.append(f"9 {tenant}: report {number} is of a step that was begun after its "
                         "rollback was")
    return found


def blocker(world, rollout, state, reason):
    """What a rollout that is not over waits for, by name; "" where nobody could say."""
    if state == PAUSED and reason:
        return "an operator: " + reason
    if state == PLANNED and world.catalog("SELECT 1 FROM signed_order AS o JOIN rollout AS r"
                                          " ON r.order_digest = o.digest WHERE r.rollout_id = ?"
                                          " AND o.accepted_us = 0", rollout):
        return "signatures"
    if world.catalog("SELECT 1 FROM wave WHERE rollout_id = ? AND state = ?", rollout,
                     AWAITING) and reason:
        return "the opening of a wave: " + reason
    return "a hold" if world.catalog(HELD, rollout, HOLD, RELEASE) else ""


def task_blocker(world, rollout, tenant):
    """The same of one tenant: who has it is set aside, or it is itself."""
    rows = world.catalog(
        "SELECT a.status, c.problem, n.problem FROM task AS t"
        " LEFT JOIN tenant AS n ON n.tenant_id = t.tenant_id"
        " LEFT JOIN cluster AS c ON c.system_identifier = t.system_identifier"
        " LEFT JOIN agent AS a ON a.agent_key = COALESCE(NULLIF(t.agent_key, ''), n.agent_key)"
        " WHERE t.rollout_id = ? AND t.tenant_name = ?", rollout, tenant)
    return "; ".join(text for suspended, cluster, own in rows for text in
                     ("its agent is suspended" if suspended else "", cluster or "", own or "")
                     if text)


def judge_ends(world):
    """13: what there is to do with these tenants is done, or stands at a blocker that has a name;
    10: and all that their agents reported has come."""
    found = []
    for rollout, state, reason in world.catalog(
            "SELECT rollout_id, state, reason FROM rollout"):
        tasks = world.catalog("SELECT tenant_name, state FROM task WHERE rollout_id = ?", rollout)
        ours = [(name, at) for name, at in tasks if name in world.tenants]
        if state in ENDED or not ours or blocker(world, rollout, state, reason):
            continue
        stuck = [(name, at) for name, at in ours if at not in FINAL and
                 not task_blocker(world, rollout, name)]
        found += [f"13 {name}: state {at} in {rollout}, which waits for nobody"
                  for name, at in stuck]
        if len(ours) == len(tasks) and all(at in FINAL for _, at in ours):
            found.append(f"13 {rollout}: state {state}, and every tenant of it has ended")
    return found + judge_journals(world)


def judge_journals(world):
    found = []
    kept = {(state, number) for state, number in
            world.catalog("SELECT state_id, number FROM report")}
    names = dict(world.catalog("SELECT job_id, tenant_name FROM task"))
    for agent in world.fleet.agent_clusters:
        open_jobs = world.journal(agent, "SELECT lower(hex(job)) FROM job WHERE finished = 0")
        found += [f"13 {names[job]}: {agent} has a job of it in hand" for job, in
                  [(dashed(text),) for text, in open_jobs]
                  if names.get(job) in world.tenants]
        if not open_jobs:
            state = dashed(world.journal(agent, STATE)[0][0])
            missing = [number for number, in world.journal(agent, "SELECT number FROM report")
                       if (state, number) not in kept]
            if missing:
                found.append(f"10 {agent}: reports {missing[:5]} of its journal never came")
    return found


STATE = "SELECT value FROM meta WHERE key = 'state'"


def dashed(text):
    """An id as the catalog writes it, from the 32 digits of the journal's blob."""
    digits = text.replace("-", "").lower()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
