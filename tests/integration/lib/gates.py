"""Migrations that wait, or fail, as long as the test holds a lock in the tenant's database.

A script of a gated version asks for advisory locks before it does anything. Whoever holds "wait"
keeps the job in hand, whoever holds "fail" makes the script raise. Nothing of it is schema or data:
a tenant with a held lock has not drifted.
"""
import re
import time

from lib import effects

SPACE = 7707  # first key of the advisory locks, so that they are nobody else's
KEYS = {("apply", "wait"): 1, ("apply", "fail"): 2, ("undo", "wait"): 3, ("undo", "fail"): 4}
AWAIT_S = 60  # a net for what never comes
GATE = """DO $$
BEGIN
    WHILE NOT pg_try_advisory_xact_lock_shared({space}, {wait}) LOOP
        PERFORM pg_sleep(0.02);
    END LOOP;
    IF NOT pg_try_advisory_xact_lock_shared({space}, {fail}) THEN
        RAISE EXCEPTION 'the gate of {version} is shut' USING ERRCODE = 'ZX001';
    END IF;
END
$$;
"""


def script(version, direction):
    return GATE.format(space=SPACE, version=version, wait=KEYS[direction, "wait"],
                       fail=KEYS[direction, "fail"])


def write(folder, count, gated, outside=()):
    """The chain of lib/effects.py, where the scripts of the `gated` numbers ask first."""
    effects.write(folder, count, outside)
    for number in gated:
        version = f"V{number:03d}"
        for path in folder.glob(f"{version}__*.sql"):
            direction = re.fullmatch(r"[^.]+(?:\.(\w+))?", path.stem).group(1) or "apply"
            if direction in ("apply", "undo"):
                path.write_text(script(version, direction) + path.read_text())
    return folder


def await_true(holds, otherwise):
    """Until holds() is true."""
    end = time.monotonic() + AWAIT_S
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.02)  # polling an event that only a query tells


class Gates:
    """The locks that one test holds, by tenant."""

    def __init__(self, postgres):
        self.postgres = postgres
        self.held = {}

    def shut(self, tenant, direction="apply", how="wait"):
        connection = self.postgres.connect(tenant)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", (SPACE, KEYS[direction, how]))
            assert cursor.fetchone() == (True,), f"somebody stands in the gate of {tenant}"
        self.held[tenant, direction, how] = connection

    def open(self, tenant, direction="apply", how="wait"):
        self.held.pop((tenant, direction, how)).close()

    def open_all(self):
        for connection in self.held.values():
            connection.close()
        self.held.clear()

    def await_somebody(self, *tenants):
        """Until a script waits at the gate of each of these tenants."""
        missing = set(tenants)

        def all_came():
            missing.difference_update(row[0] for row in self.postgres.run(
                "SELECT datname FROM pg_stat_activity WHERE usename = 'drover'"
                " AND state = 'active' AND wait_event = 'PgSleep'"))
            return not missing

        await_true(all_came, f"nobody comes to the gate of {missing}")
