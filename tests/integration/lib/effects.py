"""Migrations that leave a trace each time they run, and the judge that counts the traces.

Exactly-once is judged from these side effects alone: no ledger, no catalog, no report is asked.
"""
TRACE = "INSERT INTO public.trace (version, direction) VALUES ('{version}', '{direction}');\n"


def write(folder, count=4, outside=()):
    """A chain of `count` migrations; those in `outside` run outside a transaction."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        version = f"V{number:03d}"
        apply = undo = ""
        if number == 1:
            apply = ("CREATE TABLE public.trace (version text, direction text,"
                     " at xid8 DEFAULT pg_current_xact_id());\n")
        apply += f"CREATE TABLE public.t{number} (id int PRIMARY KEY, v int);\n"
        undo += f"DROP TABLE public.t{number};\n"
        apply += TRACE.format(version=version, direction="apply")
        undo += TRACE.format(version=version, direction="undo") if number > 1 else \
            "DROP TABLE public.trace;\n"
        if number in outside:
            apply = ("-- drover: transaction=none\n"
                     f"CREATE TABLE public.t{number} (id int PRIMARY KEY, v int);\n"
                     + TRACE.format(version=version, direction="apply") +
                     f"CREATE INDEX CONCURRENTLY t{number}_v ON public.t{number} (v);\n")
        (folder / f"{version}__step_{number}.sql").write_text(apply)
        (folder / f"{version}__step_{number}.undo.sql").write_text(undo)
        (folder / f"{version}__step_{number}.verify.sql").write_text(
            f"SELECT to_regclass('public.t{number}') IS NOT NULL;\n")
    return folder


def traces(postgres, database):
    """[(version, direction), …] as they were committed."""
    if not postgres.value("SELECT to_regclass('public.trace') IS NOT NULL", database):
        return []
    return [tuple(row) for row in postgres.run(
        "SELECT version, direction FROM public.trace ORDER BY at, version", database)]


def assert_applied_once(postgres, database, count):
    expected = [(f"V{number:03d}", "apply") for number in range(1, count + 1)]
    assert traces(postgres, database) == expected, database


def assert_nothing_left(postgres, database):
    """No INVALID index, no lock of ours, no session of ours in a transaction."""
    assert postgres.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid", database) == 0
    assert postgres.value(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = 'drover'"
        " AND state LIKE 'idle in transaction%%'", database, values=(database,)) == 0
