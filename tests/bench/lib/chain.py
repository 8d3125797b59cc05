"""The tenant that is measured, and ten ordinary migrations for it.

Twelve tables of a small application with so many rows each; the ten are what such histories mostly
hold: tables, columns, a filled column, indexes, constraints, a view, a rewrite.
"""

TABLES = 12

# (description, script, undo)
CHAIN = [
    ("tags",
     "CREATE TABLE tag (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL,\n"
     "    created_at timestamptz NOT NULL DEFAULT now());\n"
     "CREATE INDEX tag_name ON tag (name);",
     "DROP TABLE tag;"),
    ("email_column",
     "ALTER TABLE t01 ADD COLUMN email text;",
     "ALTER TABLE t01 DROP COLUMN email;"),
    ("fill_email",
     "UPDATE t01 SET email = 'user' || id || '@example.test' WHERE email IS NULL;",
     "UPDATE t01 SET email = NULL;"),
    ("email_required",
     "ALTER TABLE t01 ALTER COLUMN email SET NOT NULL;\n"
     "CREATE UNIQUE INDEX t01_email ON t01 (email);",
     "DROP INDEX t01_email;\n"
     "ALTER TABLE t01 ALTER COLUMN email DROP NOT NULL;"),
    ("created_index",
     "CREATE INDEX t02_created_at ON t02 (created_at);",
     "DROP INDEX t02_created_at;"),
    ("parent_reference",
     "ALTER TABLE t03 ADD CONSTRAINT t03_parent FOREIGN KEY (parent_id) REFERENCES t02 (id);\n"
     "CREATE INDEX t03_parent_id ON t03 (parent_id);",
     "DROP INDEX t03_parent_id;\n"
     "ALTER TABLE t03 DROP CONSTRAINT t03_parent;"),
    ("wider_amount",
     "ALTER TABLE t04 ALTER COLUMN amount TYPE bigint;",
     "ALTER TABLE t04 ALTER COLUMN amount TYPE integer;"),
    ("totals_view",
     "CREATE VIEW totals AS\n"
     "    SELECT parent_id, count(*) AS entries, sum(amount) AS total FROM t05 GROUP BY parent_id;",
     "DROP VIEW totals;"),
    ("amount_check",
     "ALTER TABLE t05 ADD CONSTRAINT t05_amount CHECK (amount >= 0);",
     "ALTER TABLE t05 DROP CONSTRAINT t05_amount;"),
    ("state_column",
     "ALTER TABLE t06 ADD COLUMN state text NOT NULL DEFAULT 'new';\n"
     "CREATE INDEX t06_state_name ON t06 (state, name);",
     "DROP INDEX t06_state_name;\n"
     "ALTER TABLE t06 DROP COLUMN state;"),
]


def verify_of(number):
    """A question of the usual kind about migration `number`."""
    return [
        "SELECT to_regclass('tag') IS NOT NULL;",
        "SELECT count(*) = 1 FROM pg_attribute WHERE attrelid = 't01'::regclass AND "
        "attname = 'email';",
        "SELECT NOT EXISTS (SELECT FROM t01 WHERE email IS NULL);",
        "SELECT to_regclass('t01_email') IS NOT NULL;",
        "SELECT to_regclass('t02_created_at') IS NOT NULL;",
        "SELECT convalidated FROM pg_constraint WHERE conname = 't03_parent';",
        "SELECT atttypid = 'bigint'::regtype FROM pg_attribute WHERE attrelid = 't04'::regclass "
        "AND attname = 'amount';",
        "SELECT to_regclass('totals') IS NOT NULL;",
        "SELECT convalidated FROM pg_constraint WHERE conname = 't05_amount';",
        "SELECT to_regclass('t06_state_name') IS NOT NULL;",
    ][number - 1]


def write(folder, verify):
    """The ten as a directory of Drover's own layout."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, script, undo) in enumerate(CHAIN, 1):
        stem = folder / f"V{number:03}__{name}"
        stem.with_name(f"{stem.name}.sql").write_text(f"{script}\n")
        stem.with_name(f"{stem.name}.undo.sql").write_text(f"{undo}\n")
        if verify:
            stem.with_name(f"{stem.name}.verify.sql").write_text(f"{verify_of(number)}\n")
    return folder


def tenant_sql(rows):
    """A tenant before the first of the ten, with the floor's own history table."""
    parts = []
    for number in range(1, TABLES + 1):
        table = f"t{number:02}"
        parts.append(
            f"CREATE TABLE {table} (id bigint PRIMARY KEY, parent_id bigint NOT NULL, "
            f"name text NOT NULL, amount integer NOT NULL, note text, "
            f"created_at timestamptz NOT NULL DEFAULT now());\n"
            f"INSERT INTO {table} SELECT n, n, 'name ' || n, n % 1000, repeat('x', 40), "
            f"'2024-01-01'::timestamptz + n * interval '1 minute' "
            f"FROM generate_series(1, {rows}) AS n;\n"
            f"CREATE INDEX {table}_name ON {table} (name);\n")
    parts.append("CREATE TABLE floor_history (position integer PRIMARY KEY, name text NOT NULL, "
                 "digest bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());\n")
    return "".join(parts)
