"""Every step of an agent fails once, through the whole fleet.

Each case is a tenant of its own at V001, a V002 that fails there, what the operator then reads, and
what is left in the tenant: nothing half done, judged by what the migrations left (lib/effects.py).
No message carries a row of the tenant.
"""
import re
from dataclasses import dataclass, field
from typing import Callable

import psycopg2
import pytest

from lib import configs, effects, gates, rollouts
from lib.fleet import Fleet

SECRET = "mallory-4711"  # stands in a row of every tenant, and in nothing that leaves it
FIRST = f"""
CREATE TABLE public.trace (version text, direction text, at xid8 DEFAULT pg_current_xact_id());
CREATE TABLE public.t1 (id int PRIMARY KEY, name text, amount int);
CREATE INDEX t1_amount ON public.t1 (amount);
INSERT INTO public.t1 VALUES (1, '{SECRET}', -5), (2, '{SECRET}', 7);
{effects.TRACE.format(version="V001", direction="apply")}"""
APPLY = "CREATE TABLE public.t2 (id int);\n" + effects.TRACE.format(version="V002",
                                                                    direction="apply")
UNDO = "DROP TABLE public.t2;\n" + effects.TRACE.format(version="V002", direction="undo")
NO_DEBTS = "ALTER TABLE public.t1 ADD CONSTRAINT no_debts CHECK (amount >= 0);\n"
GATE = gates.script("V002", "apply")
NO_POINT = {"policy": "none", "reason": "throwaway data"}
COMMAND = ["/bin/sh", "-c", "cat > /dev/null; echo the disk array says no >&2; exit 3"]
HANDS_OFF = "REVOKE second_owner FROM drover, drover_restore, drover_backup"


@dataclass(frozen=True)
class Case:
    name: str
    step: str
    state: str
    code: str
    error: str  # regular expression of the whole message
    sqlstate: str = ""
    scripts: dict = field(default_factory=dict)  # of V002, by suffix; "" applies
    early: Callable = None  # what is done to the tenant before its baseline
    arrange: Callable = None  # and after it
    point: dict = field(default_factory=lambda: NO_POINT)
    notes: str = ""  # regular expression that is found in the notes
    story: str = "V001"
    owner: str = None
    tidy: Callable = None  # takes away what the test itself left


def as_owner(text):
    def run(postgres, tenant):
        postgres.run(f"SET ROLE tenant_owner; {text}", tenant)
    return run


def as_superuser(text):
    def run(postgres, tenant):
        postgres.run(text, tenant)
    return run


def edit_ledger(postgres, tenant):
    postgres.run("ALTER TABLE drover.history DISABLE TRIGGER append_only;"
                 "UPDATE drover.history SET actor = 'nobody' WHERE seq = 1;"
                 "ALTER TABLE drover.history ENABLE ALWAYS TRIGGER append_only", tenant)


def leave_invalid_index(postgres, tenant):
    with pytest.raises(psycopg2.errors.UniqueViolation):
        postgres.run("CREATE UNIQUE INDEX CONCURRENTLY one_name ON public.t1 (name)", tenant)


def drop_invalid_index(postgres, tenant):
    postgres.run("DROP INDEX public.one_name", tenant)


def hold_table(postgres, tenant):
    """Somebody has the table; the connection is closed with the test."""
    connection = postgres.connect(tenant)
    with connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE public.t1 IN ACCESS EXCLUSIVE MODE")
    return connection


CASES = [
    Case("check script", "check", "refused", "DRV-3030",
         "V002: query 1, no debts is false, not true",
         scripts={"check": "SELECT 'no debts', bool_and(amount >= 0) FROM public.t1;\n"}),
    Case("drift", "check", "refused", "DRV-3025",
         "the schema of {tenant} is not what its ledger's row 1 left",
         arrange=as_owner("CREATE TABLE public.stray (id int)"), notes="stray"),
    Case("ledger", "check", "refused", "DRV-3026",
         "ledger row 1 of {tenant} does not match its chain",
         arrange=edit_ledger),
    Case("rights", "check", "refused", "DRV-3012", ".*second_owner.*",
         arrange=as_superuser(HANDS_OFF), owner="second_owner"),
    Case("ledger unguarded", "check", "refused", "DRV-3026",
         "the trigger that keeps drover.history append-only is gone or disabled",
         arrange=as_superuser("ALTER TABLE drover.history DISABLE TRIGGER append_only")),
    Case("invalid index", "check", "refused", "DRV-3032",
         "index public.one_name of tenant {tenant} is INVALID",
         early=leave_invalid_index, tidy=drop_invalid_index),
    Case("external command", "backup", "failed", "DRV-4002",
         "taking the recovery point of {tenant}: the external command ended with 3:"
         " the disk array says no", point={"policy": "external"}),
    Case("dump", "backup", "failed", "DRV-4008",
         "taking the recovery point of {tenant}: pg_dump ended with 1: .*large object.*",
         arrange=as_owner("SELECT lo_create(4711)"), point={"policy": "dump"}),
    Case("constraint", "apply", "failed", "DRV-3004",
         'applying V002: check constraint "no_debts" of relation "t1" is violated by some row',
         sqlstate="23514",
         scripts={"": APPLY + NO_DEBTS}),
    Case("duplicates", "apply", "failed", "DRV-3004",
         'applying V002: could not create unique index "one_name"', sqlstate="23505",
         scripts={"": APPLY + "CREATE UNIQUE INDEX one_name ON public.t1 (name);\n"}),
    Case("value in the message", "apply", "failed", "DRV-3004",
         "applying V002: invalid input syntax for type integer.*", sqlstate="22P02",
         scripts={"": APPLY + "ALTER TABLE public.t1 ALTER name TYPE int USING name::int;\n"}),
    Case("statement", "apply", "failed", "DRV-3004",
         'applying V002, line 3 of its script: relation "public.nothing" does not exist',
         sqlstate="42P01", scripts={"": APPLY + "DELETE FROM public.nothing;\n"}),
    Case("lock", "apply", "failed", "DRV-3005",
         "applying V002: canceling statement due to lock timeout", sqlstate="55P03",
         scripts={"": APPLY + "ALTER TABLE public.t1 ADD comment text;\n"}, arrange=hold_table),
    Case("statement timeout", "apply", "failed", "DRV-3006",
         "applying V002: canceling statement due to statement timeout", sqlstate="57014",
         scripts={"": "-- drover: statement_timeout=100ms\n" + APPLY + "SELECT pg_sleep(60);\n"}),
    Case("verify script", "apply", "failed", "DRV-3031",
         "V002: query 1, t2 has rows is false, not true",
         scripts={"verify": "SELECT 't2 has rows', count(*) > 0 FROM public.t2;\n"}),
    Case("verify after the commit", "verify", "failed", "DRV-3031",
         "V002: query 1 is false, not true",
         scripts={"verify": "SELECT pg_current_xact_id_if_assigned() IS NOT NULL;\n"},
         story="V001 V002"),
]
MORE = ["terminated", "terminated_for_good", "left_over", "undo_error", "undo_differs", "no_undo"]
FRESH = ["guarded", "claimed"]
SEVERAL = {"pause": 3, "rollback": 2, "goes_on": 3, "budget": 3}


def tenant_of(case):
    return case.name.replace(" ", "_")


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    postgres.run("CREATE ROLE second_owner NOLOGIN;"
                 "GRANT second_owner TO drover, drover_restore, drover_backup")
    owned = [tenant_of(case) for case in CASES if case.owner]
    ours = [*(tenant_of(case) for case in CASES if not case.owner), *MORE,
            *(f"{name}_{n}" for name, count in SEVERAL.items() for n in range(count))]
    postgres.create_tenants([*ours, *FRESH])
    postgres.create_tenants(owned, owner="second_owner")
    listed = [*ours, *FRESH, *({"database": name, "owner": "second_owner"} for name in owned)]
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, listed)]},
               coordinator_changes={"lease": "3s"},
               agent_changes={"lock_timeout": "50ms", "lock_retries": 1,
                              "backup": {"external": {"command": COMMAND},
                                         "directory": folder / "fleet" / "one" / "backups",
                                         "min_free": "1MiB"}}) as fleet:
        for tenant in ours + owned:
            owner = "second_owner" if tenant in owned else "tenant_owner"
            postgres.run(f"SET ROLE {owner}; {FIRST}", tenant)
        yield fleet


def push(fleet, application, scripts):
    """A bundle whose V001 stands in the tenants already, and whose V002 is the case's."""
    folder = fleet.folder / "chains" / application
    folder.mkdir(parents=True)
    scripts = {"": APPLY, "undo": UNDO, **scripts}
    files = {"V001__base.sql": FIRST,
             "V001__base.undo.sql": "DROP TABLE public.t1, public.trace;\n",
             **{f"V002__case{'.' if suffix else ''}{suffix}.sql": text
                for suffix, text in scripts.items() if text is not None}}
    for file, text in files.items():
        (folder / file).write_text(text)
    fleet.push_bundle(folder, application)


def take_on(fleet, application, scripts, select=None):
    """Push the application's bundle and baseline its tenants at V001."""
    push(fleet, application, scripts)
    rollouts.baseline(fleet, select or f"name={application}", "V001", application)


def start(fleet, application, select=None, **changes):
    changes = {"recovery_point": NO_POINT, "attempts": 1, **changes}
    spec = fleet.write_spec(application, name=f"{application}.yaml",
                            select=select or f"name={application}", **changes)
    return rollouts.start(fleet, spec)


def failure_of(fleet, rollout, tenant):
    """The tenant's entry in 'rollout failures', and its paragraph in the table."""
    tasks = fleet.ok("rollout", "failures", rollout, "-o", "json").json["tasks"]
    entry, = [task for task in tasks if task["name"] == tenant]
    shown = fleet.ok("rollout", "failures", rollout).out
    return entry, shown


def assert_table(shown, entry):
    """The table says what the document says: where, at what, why, and what helps."""
    tenant = entry["name"]
    version = entry["version"] or "(empty)"
    tries = "1 try" if entry["attempts"] == 1 else f"{entry['attempts']} tries"
    assert (f"{tenant} (cluster main, database {tenant}): {entry['state']} in step {entry['step']}"
            f" after {tries}, stands at {version}\n") in shown
    state = f" [{entry['sqlstate']}]" if entry["sqlstate"] else ""
    assert f"  {entry['code']}{state} {entry['error']}\n" in shown
    assert f"  HINT: {entry['hint']}\n" in shown


def assert_discreet(fleet, rollout):
    """Nothing that left the tenant names one of its rows."""
    for words in (["failures"], ["report"], ["report", "-o", "json"], ["status"]):
        assert SECRET not in fleet.ok("rollout", words[0], rollout, *words[1:]).out
    assert SECRET not in fleet.ok("audit", "log", "-o", "json").out
    assert SECRET not in fleet.output()


@pytest.mark.parametrize("case", CASES, ids=tenant_of)
def test_step_fails(fleet, postgres, case):
    tenant = tenant_of(case)
    if case.early:
        case.early(postgres, tenant)
    take_on(fleet, tenant, case.scripts)
    held = case.arrange(postgres, tenant) if case.arrange else None
    rollout = start(fleet, tenant, recovery_point=case.point)
    end = rollouts.follow(fleet, rollout)
    if held is not None:
        held.close()
    assert end["state"] == "paused", end
    entry, shown = failure_of(fleet, rollout, tenant)
    assert (entry["step"], entry["state"], entry["code"], entry["sqlstate"]) == \
        (case.step, case.state, case.code, case.sqlstate), entry
    assert re.fullmatch(case.error.format(tenant=tenant), entry["error"]), entry["error"]
    assert re.search(case.notes, entry["notes"]), entry["notes"]
    assert entry["version"] == case.story.split()[-1]
    assert entry["hint"]
    assert_table(shown, entry)
    assert_discreet(fleet, rollout)
    if case.tidy:
        case.tidy(postgres, tenant)
    effects.assert_story(postgres, tenant, case.story)


# Failures that need more than one order.


def end_sessions(postgres, tenant):
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 " WHERE datname = %s AND usename = 'drover' AND wait_event = 'PgSleep'",
                 values=(tenant,))


def start_and_cut(fleet, postgres, tenant, **changes):
    """A rollout whose session an administrator ends in the middle of the script."""
    take_on(fleet, tenant, {"": GATE + APPLY})
    gate = gates.Gates(postgres)
    gate.shut(tenant)
    rollout = start(fleet, tenant, **changes)
    gate.await_somebody(tenant)
    end_sessions(postgres, tenant)
    gate.open(tenant)
    return rollout


def test_session_ended_is_tried_again(fleet, postgres):
    rollout = start_and_cut(fleet, postgres, "terminated", attempts=3)
    rollouts.assert_ends(fleet, rollout, "succeeded")
    assert rollouts.tasks(fleet, rollout)["terminated"]["attempts"] == 2
    effects.assert_story(postgres, "terminated", "V001 V002")


def test_session_ended_and_no_try_left(fleet, postgres):
    tenant = "terminated_for_good"
    rollout = start_and_cut(fleet, postgres, tenant)
    assert rollouts.follow(fleet, rollout)["state"] == "paused"
    entry, shown = failure_of(fleet, rollout, tenant)
    assert (entry["step"], entry["state"], entry["code"], entry["sqlstate"]) == \
        ("apply", "failed", "DRV-3007", "57P01"), entry
    assert entry["error"] == ("applying V002: terminating connection due to administrator command")
    assert_table(shown, entry)
    effects.assert_story(postgres, tenant, "V001")


PARTS = """-- drover: transaction=none
CREATE TABLE public.t2 (id int) PARTITION BY RANGE (id);
CREATE TABLE public.part PARTITION OF public.t2 FOR VALUES FROM (0) TO (9);
ALTER TABLE public.t2 DETACH PARTITION public.part CONCURRENTLY;
""" + effects.TRACE.format(version="V002", direction="apply")


def test_left_over(fleet, postgres):
    """A statement that an earlier attempt began, and nothing tells whether it finished."""
    tenant = "left_over"
    take_on(fleet, tenant, {"": PARTS})
    fleet.agents["one"].stop()
    agent = fleet.start_agent("one", DROVER_FAILPOINT="agent.piecewise.started")
    rollout = start(fleet, tenant)
    agent.wait_for_line("^failpoint ")
    agent.wait()
    fleet.start_agent("one")
    assert rollouts.follow(fleet, rollout)["state"] == "paused"
    entry, shown = failure_of(fleet, rollout, tenant)
    assert (entry["step"], entry["state"], entry["code"]) == ("apply", "failed", "DRV-3033"), entry
    assert re.match(r"statement 3 of V002 \(.*DETACH.*\) was started by an earlier attempt",
                    entry["error"]), entry["error"]
    assert_table(shown, entry)
    assert effects.traces(postgres, tenant) == [("V001", "apply")]


def roll_back(fleet, postgres, tenant, undo):
    """Roll V002 out and order its rollback, which rests; the rollback's id."""
    take_on(fleet, tenant, {"undo": undo})
    rollout = start(fleet, tenant)
    rollouts.assert_ends(fleet, rollout, "succeeded")
    effects.assert_story(postgres, tenant, "V001 V002")
    back = fleet.ok("rollback", rollout, "--yes", "-o", "json").json["rollout"]
    return back, rollouts.follow(fleet, back)["state"]


def test_undo_fails(fleet, postgres):
    tenant = "undo_error"
    back, state = roll_back(fleet, postgres, tenant, UNDO + "DROP TABLE public.nothing;\n")
    assert state == "incomplete"
    entry, shown = failure_of(fleet, back, tenant)
    assert (entry["step"], entry["state"], entry["code"], entry["sqlstate"]) == \
        ("undo", "failed", "DRV-3004", "42P01"), entry
    assert entry["error"] == 'undoing V002: table "nothing" does not exist'
    assert_table(shown, entry)
    effects.assert_story(postgres, tenant, "V001 V002")


def test_undo_differs(fleet, postgres):
    """The undo ran; what differs from the fingerprint that was recorded before is told."""
    tenant = "undo_differs"
    undo = UNDO + "CREATE TABLE public.forgotten (id int);\n"
    back, state = roll_back(fleet, postgres, tenant, undo)
    assert state == "succeeded"
    notes = rollouts.tasks(fleet, back)[tenant]["notes"]
    assert notes.count("undone; the schema differs from before:") == 1
    assert "\ntable public.forgotten: added" in notes
    assert "forgotten" in fleet.ok("rollout", "report", back).out
    effects.assert_story(postgres, tenant, "V001 V002 -V002")


def test_undo_that_there_is_not(fleet, postgres):
    tenant = "no_undo"
    reason = "the rows cannot be told apart again"
    take_on(fleet, tenant, {"": f'-- drover: irreversible="{reason}"\n{APPLY}', "undo": None})
    rollout = start(fleet, tenant)
    rollouts.assert_ends(fleet, rollout, "succeeded")
    back = fleet.drover("rollback", rollout, "--yes", "-o", "json")
    assert reason in back.out + back.err
    effects.assert_story(postgres, tenant, "V001 V002")


GUARD = ("CREATE FUNCTION public.guard() RETURNS event_trigger LANGUAGE plpgsql AS $$"
         "BEGIN RAISE EXCEPTION 'no schemas here'; END $$;"
         "CREATE EVENT TRIGGER guard ON ddl_command_start WHEN TAG IN ('CREATE SCHEMA')"
         " EXECUTE FUNCTION public.guard()")
BASELINES = [
    ("guarded", GUARD, "DROP EVENT TRIGGER guard; DROP FUNCTION public.guard()",
     "baseline", "failed", "DRV-3004",
     "a program in the database raised an error; its text may hold rows and is not shown"),
    ("claimed", "CREATE SCHEMA drover", "DROP SCHEMA drover",
     "check", "refused", "DRV-3012",
     "schema 'drover' exists and belongs to 'postgres', not to 'drover'"),
]


@pytest.mark.parametrize("tenant, arrange, mend, step, state, code, error", BASELINES,
                         ids=FRESH)
def test_baseline_fails(fleet, postgres, tenant, arrange, mend, step, state, code, error):
    push(fleet, tenant, {})
    postgres.run(arrange, tenant)
    order = ["baseline", "--select", f"name={tenant}", "--at", "V001", "--application", tenant,
             "--yes", "-o", "json"]
    rollout = fleet.ok(*order).json["rollout"]
    assert rollouts.follow(fleet, rollout)["state"] == "incomplete"
    entry, shown = failure_of(fleet, rollout, tenant)
    assert (entry["step"], entry["state"], entry["code"], entry["error"]) == \
        (step, state, code, error), entry
    assert_table(shown, entry)
    assert postgres.value("SELECT to_regclass('drover.history') IS NULL", tenant)
    postgres.run(mend, tenant)
    fleet.ok("rollout", "retry", rollout, "--wait")
    assert postgres.value("SELECT count(*) FROM drover.history", tenant) == 1


# What a wave's failure means for the others.

WAVES = [{"name": "first", "count": 1}, {"name": "rest", "rest": True}]
BY_DATA = {"": APPLY + NO_DEBTS,
           "undo": "ALTER TABLE public.t1 DROP CONSTRAINT no_debts;\n" + UNDO}


def start_several(fleet, postgres, name, bad=0, **changes):
    tenants = [f"{name}_{n}" for n in range(SEVERAL[name])]
    select = f"name in ({','.join(tenants)})"
    take_on(fleet, name, BY_DATA, select)
    for number, tenant in enumerate(tenants):
        if number != bad:
            postgres.run("UPDATE public.t1 SET amount = 0", tenant)
    return start(fleet, name, select, **changes), tenants


def assert_stories(postgres, tenants, *stories):
    for tenant, story in zip(tenants, stories, strict=True):
        effects.assert_story(postgres, tenant, story)


def waves_of(status):
    return [wave["state"] for wave in status["waves"]]


def test_failure_pauses(fleet, postgres):
    rollout, tenants = start_several(fleet, postgres, "pause", waves=WAVES)
    status = rollouts.follow(fleet, rollout)
    assert (status["state"], waves_of(status)) == ("paused", ["failed", "pending"])
    assert_stories(postgres, tenants, "V001", "V001", "V001")
    assert [task["name"] for task in fleet.ok(
        "rollout", "failures", rollout, "-o", "json").json["tasks"]] == tenants[:1]


def test_failure_rolls_the_wave_back(fleet, postgres):
    """The good one is through when the bad one fails; both are in the wave."""
    rollout, tenants = start_several(
        fleet, postgres, "rollback", bad=1, on_failure="rollback_wave",
        waves=[{"name": "all", "rest": True, "max_parallel": 1}])
    status = rollouts.follow(fleet, rollout)
    assert (status["state"], waves_of(status)) == ("failed", ["cancelled"])
    child, = rollouts.status(fleet, rollout)["children"]
    rollouts.assert_ends(fleet, child["rollout"], "succeeded")
    assert_stories(postgres, tenants, "V001 V002 -V002", "V001")


def test_failure_is_gone_over(fleet, postgres):
    rollout, tenants = start_several(fleet, postgres, "goes_on", waves=WAVES,
                                     on_failure="continue")
    status = rollouts.follow(fleet, rollout)
    assert (status["state"], waves_of(status)) == ("incomplete", ["passed", "passed"])
    assert_stories(postgres, tenants, "V001", "V001 V002", "V001 V002")


def test_failure_is_within_the_budget(fleet, postgres):
    rollout, tenants = start_several(fleet, postgres, "budget", waves=WAVES,
                                     error_budget={"count": 1})
    status = rollouts.follow(fleet, rollout)
    assert (status["state"], waves_of(status)) == ("incomplete", ["passed", "passed"])
    assert [wave["budget"] for wave in status["waves"]] == [1, 1]
    assert_stories(postgres, tenants, "V001", "V001 V002", "V001 V002")
