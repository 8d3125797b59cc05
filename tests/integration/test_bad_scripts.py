"""Scripts that go for what is Drover's: its ledger, its locks, its role, its transaction, its
session. Each is told by its code, its version, what it did and one hint; and the tenant is as it
was before, whatever the script had done until then.
"""
import pytest

from lib import configs, effects, rollouts, unchanged
from lib.fleet import Fleet, run_drover

NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
ESCAPED = "DRV-3029"
TOUCHED = "HINT: the script ended our transaction, reset the role or touched the ledger"


def block(body):
    return f"DO $do$ BEGIN {body} END $do$;\n"


def dynamic(*statements, back=True):
    """A block that runs these as Drover's own login, and then sets the role back."""
    words = ["RESET ROLE", *statements, *(["SET ROLE tenant_owner"] if back else [])]
    return block(" ".join(f"EXECUTE $$ {word} $$;" for word in words))


TABLE = "CREATE TABLE public.extra (n int);\n"  # what each has done before it goes wrong
BAD = {  # name: (the script, code, what is said)
    "deletes_rows": ("DELETE FROM drover.history;\n", ESCAPED,
                     "permission denied for schema drover"),
    "deletes_as_login": (dynamic("DELETE FROM drover.history"), ESCAPED,
                         "drover.history is append-only: DELETE refused"),
    "drops_trigger": (dynamic("DROP TRIGGER append_only ON drover.history"), ESCAPED,
                      "the trigger that keeps drover.history append-only is gone or disabled"),
    "trigger_and_rows": (dynamic("ALTER TABLE drover.history DISABLE TRIGGER append_only",
                                 "DELETE FROM drover.history WHERE seq = 1"), "DRV-3026",
                         "the ledger's rows are not those that were read: the script or another "
                         "session touched them"),
    "drops_fence": (dynamic("DELETE FROM drover.fence"), ESCAPED,
                    "the script changed drover.fence"),
    "resets_role": (dynamic(back=False), ESCAPED, "the script changed the role to 'drover'"),
    "becomes_another": (block("EXECUTE 'SET SESSION AUTHORIZATION postgres';"), ESCAPED,
                        'permission denied to set session authorization "postgres"'),
    "session_of_its_own": (block("EXECUTE 'SET SESSION AUTHORIZATION DEFAULT';"), ESCAPED,
                           "the script changed the role to 'drover'"),
    "commits": (block("COMMIT;"), ESCAPED, "[2D000]"),
    "rolls_back": (block("ROLLBACK;"), ESCAPED, "[2D000]"),
    "commits_in_a_procedure": (
        "CREATE PROCEDURE public.p() LANGUAGE plpgsql AS $p$ BEGIN COMMIT; END $p$;\n"
        "CALL public.p();\n", ESCAPED, "[2D000]"),
    "commits_dynamically": (block("EXECUTE 'COMMIT';"), "DRV-3004",
                            "EXECUTE of transaction commands is not"),
    "discards": (block("EXECUTE 'DISCARD ALL';"), "DRV-3004",
                 "DISCARD ALL cannot run inside a transaction block"),
}
# What ends with the migration that did it. The next one tells how it finds the session.
SESSION = ("CREATE TABLE {table} AS SELECT current_user::text AS role, session_user::text AS login,"
           " current_setting('search_path') AS path, current_setting('statement_timeout') AS"
           " most, current_setting('lock_timeout') AS lock, current_setting('TimeZone') AS zone,"
           " current_setting('synchronous_commit') AS sync;\n")
HARMLESS = {
    "unlocks": block("PERFORM pg_advisory_unlock_all();"),
    "sets_all": "SET search_path = evil, public;\nSET statement_timeout = 0;\n"
                "SET lock_timeout = 0;\nSET synchronous_commit = off;\n"
                "SET timezone = 'Asia/Tokyo';\n"
                + block("PERFORM set_config('search_path', 'evil, public', false);"),
    "resets_all": "RESET ALL;\n",
}
INDEX = "CREATE INDEX CONCURRENTLY extra_n ON public.extra (n);\n"
UNLOCK = "SELECT pg_advisory_unlock_all();\n"
OUTSIDE = {  # with `transaction=none`: what a statement did stays, and nothing more follows
    "unlocks_outside": (UNLOCK + INDEX, 3, "this session no longer holds the tenant's lock"),
    "deletes_outside": (dynamic("DELETE FROM drover.history"), 2,
                        "drover.history is append-only: DELETE refused"),
}
NOT_BUILT = {  # what is refused before any tenant sees it
    "COMMIT;\n": "transaction",
    "ROLLBACK;\n": "transaction",
    "DISCARD ALL;\n": "lets go of the tenant's lock",
}


def write(folder, script, following=None, outside=False):
    """V001 leaves a trace, V002 is the script, V003 what follows it."""
    effects.write(folder, 1)
    head = "-- drover: transaction=none\n" if outside else ""
    (folder / "V002__bad.sql").write_text(head + TABLE + script)
    (folder / "V002__bad.undo.sql").write_text("DROP TABLE public.extra;\n")
    if following is not None:
        (folder / "V003__next.sql").write_text(following)
        (folder / "V003__next.undo.sql").write_text("DROP TABLE seen;\n")
    return folder


class World:
    """The fleet, and each tenant's rollout of the scripts that bear its name."""

    def __init__(self, fleet, postgres):
        self.fleet = fleet
        self.postgres = postgres
        self.before = {}
        self.rollouts = {}

    def spec(self, name, **changes):
        return self.fleet.write_spec(name, name=f"{name}.yaml", select=f"name={name}",
                                     **NO_POINT, **changes)

    def run(self, name, folder):
        self.fleet.push_bundle(folder, name)
        rollouts.baseline(self.fleet, f"name={name}", application=name)
        first = rollouts.start(self.fleet, self.spec(name, target="V001"))
        rollouts.assert_ends(self.fleet, first, "succeeded")
        self.before[name] = effects.contents(self.postgres, name)
        self.rollouts[name] = rollouts.start(self.fleet, self.spec(name))

    def failures(self, name):
        """What is said of a rollout that paused."""
        rollouts.assert_ends(self.fleet, self.rollouts[name], "paused")
        return self.fleet.ok("rollout", "failures", self.rollouts[name]).out


@pytest.fixture(scope="module")
def world(folder, postgres):
    names = [*BAD, *HARMLESS, *OUTSIDE]
    postgres.create_tenants(names)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, names)]}) as fleet:
        yield World(fleet, postgres)


def assert_not_touched(postgres, name):
    assert not postgres.value("SELECT to_regclass('public.extra') IS NOT NULL", name)
    effects.assert_applied_once(postgres, name, 1)
    effects.assert_nothing_left(postgres, name)


@pytest.mark.parametrize("name", BAD)
def test_bad_script(world, folder, name):
    script, code, says = BAD[name]
    world.run(name, write(folder / name, script))
    shown = world.failures(name)
    for words in (f"{name} (cluster main, database {name}): failed in step apply", "stands at V001",
                  f"\n  {code} ", "V002", says, "\n  HINT: "):
        assert words in shown, shown
    assert shown.count("HINT: ") == 1, shown
    if code == ESCAPED:
        assert TOUCHED in shown, shown
    assert_not_touched(world.postgres, name)
    assert effects.contents(world.postgres, name) == world.before[name]


@pytest.mark.parametrize("name", HARMLESS)
def test_session_is_ours_again(world, folder, name):
    """The script is applied once, and the next one finds the session as if it had been alone."""
    following = SESSION.format(table="seen")  # unqualified: it lands where the tenant's path says
    world.run(name, write(folder / name, HARMLESS[name], following))
    rollouts.assert_ends(world.fleet, world.rollouts[name], "succeeded")
    # The agent's own timeouts, and what the tenant and the cluster have set.
    seen = world.postgres.run("SELECT * FROM public.seen", name)
    assert seen == [("tenant_owner", "drover", '"$user", public', "5min", "1s", "UTC", "on")]
    assert world.postgres.value("SELECT count(*) FROM drover.history", name) == 4
    effects.assert_applied_once(world.postgres, name, 1)
    effects.assert_nothing_left(world.postgres, name)


@pytest.mark.parametrize("name", OUTSIDE)
def test_bad_script_outside_a_transaction(world, folder, name):
    """Nothing can take back what ran; what follows it is not run, and the ledger has no row."""
    script, statement, says = OUTSIDE[name]
    world.run(name, write(folder / name, script, SESSION.format(table="public.seen"),
                          outside=True))
    shown = world.failures(name)
    for words in (f"{name} (cluster main, database {name}): failed in step apply", "stands at V001",
                  f"\n  {ESCAPED} ", f"V002, statement {statement} of its script: ", says, TOUCHED):
        assert words in shown, shown
    assert world.postgres.run("SELECT version FROM drover.history ORDER BY seq", name) == [
        ("",), ("V001",)]
    assert not world.postgres.value("SELECT to_regclass('public.seen') IS NOT NULL", name)
    assert not world.postgres.value("SELECT to_regclass('public.extra_n') IS NOT NULL", name)
    effects.assert_nothing_left(world.postgres, name)


def test_retry_takes_the_lock_again(world):
    """The statement that let go of it is done, and is not run a second time."""
    name = "unlocks_outside"
    world.fleet.ok("rollout", "retry", world.rollouts[name], "--wait")
    assert world.postgres.value("SELECT count(*) FROM drover.history", name) == 4
    assert world.postgres.value("SELECT indisvalid FROM pg_index WHERE indexrelid ="
                                " 'public.extra_n'::regclass", name)
    effects.assert_nothing_left(world.postgres, name)


@pytest.mark.parametrize("script", NOT_BUILT)
def test_not_built(folder, script):
    """Plain statements that end a transaction or a session are seen by the parser."""
    migrations = write(folder / f"not-built-{len(script)}-{script[0]}", script)
    with unchanged.files(migrations):
        answer = run_drover("bundle", "build", migrations, "--application", "x", "--out",
                            folder / "never.bundle")
    assert answer.code == 1 and "V002__bad.sql:2:1: error: " in answer.err, answer
    assert NOT_BUILT[script] in answer.err and "DRV-2008" in answer.err, answer
    assert not (folder / "never.bundle").exists()


def test_discard_all_is_built_nowhere(folder):
    """Outside of a transaction it would let go of the tenant's lock: nobody is told to go there."""
    migrations = write(folder / "discards", "DISCARD ALL;\n", outside=True)
    answer = run_drover("lint", migrations)
    assert answer.code == 1 and "V002__bad.sql:3:1: error: DISCARD ALL" in answer.out + answer.err
    assert "own-transaction" in answer.out + answer.err and "transaction=none" not in (
        answer.out + answer.err).split("DISCARD ALL", 1)[1], answer
