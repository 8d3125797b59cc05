"""The example app's migrations on a real server: each verifies, each undo gives back what was.

The schema before and after is compared as pg_dump prints it.
"""
import re
import subprocess

import psycopg2
import pytest

from lib import migrations
from lib.process import clean_environment

CHAIN = migrations.read_chain(migrations.EXAMPLE)
NEXT = CHAIN + migrations.read_chain(migrations.EXAMPLE_NEXT)


def schema_of(postgres, database):
    dump = subprocess.run(
        [postgres.programs / "pg_dump", "--schema-only", "--restrict-key=x", "-h",
         postgres.socket_folder, "-p", str(postgres.port), "-U", "postgres", database],
        env=clean_environment(), capture_output=True, text=True, check=False)
    if "restrict-key" in dump.stderr:  # minors before that option came
        dump = subprocess.run(
            [postgres.programs / "pg_dump", "--schema-only", "-h", postgres.socket_folder, "-p",
             str(postgres.port), "-U", "postgres", database],
            env=clean_environment(), capture_output=True, text=True, check=False)
    assert dump.returncode == 0, dump.stderr
    return re.sub(r"(?m)^--.*\n", "", dump.stdout)


@pytest.fixture
def shop(postgres, request):
    """A fresh tenant and a connection to it that has become the owner."""
    name = re.sub(r"\W", "_", f"t_{request.node.name}")[:60]
    postgres.create_tenants([name])
    connection = postgres.connect(name, "drover")
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE tenant_owner")
    yield name, connection
    connection.close()
    postgres.run(f'DROP DATABASE "{name}"')


def apply(connection, migration):
    if migration.check is not None:
        assert migrations.untrue_rows(connection, migration.check) == []
    migrations.run_script(connection, migration.apply)
    assert migrations.untrue_rows(connection, migration.verify) == []


def test_ten_versions_without_a_gap():
    assert [m.version for m in CHAIN] == [f"V{n:03}" for n in range(1, 11)]
    assert [m.version for m in NEXT] == [f"V{n:03}" for n in range(1, 12)]


def test_chain_up_and_down(postgres, shop):
    name, connection = shop
    before = [schema_of(postgres, name)]
    for migration in CHAIN:
        apply(connection, migration)
        before.append(schema_of(postgres, name))
    assert before[-1].count("CREATE TABLE") == 12
    for migration in CHAIN:  # what verified after its step still does at the end
        assert migrations.untrue_rows(connection, migration.verify) == []
    for migration, was in reversed(list(zip(CHAIN, before))):
        migrations.run_script(connection, migration.undo)
        assert schema_of(postgres, name) == was, f"the undo of {migration} differs"


def test_pairwise(postgres, shop):
    name, connection = shop
    for migration in CHAIN:
        was = schema_of(postgres, name)
        apply(connection, migration)
        assert schema_of(postgres, name) != was or migration.version == "V009"
        migrations.run_script(connection, migration.undo)
        assert schema_of(postgres, name) == was
        apply(connection, migration)


def test_backfill_changes_rows_and_its_undo_gives_them_back(shop):
    _, connection = shop
    for migration in CHAIN[:7]:
        apply(connection, migration)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO customers (name, email) VALUES ('a', 'a@x'), ('b', 'b@x');"
                       "INSERT INTO addresses (customer_id, street, city, country_code)"
                       " VALUES (1, 's', 'c', 'DK')")
        for migration in CHAIN[7:9]:
            apply(connection, migration)
        cursor.execute("SELECT name, country FROM customers ORDER BY id")
        assert cursor.fetchall() == [("a", "DK"), ("b", "ZZ")]
        migrations.run_script(connection, CHAIN[8].undo)
        cursor.execute("SELECT count(country) FROM customers")
        assert cursor.fetchone() == (0,)


def test_next_fails_on_data_and_changes_nothing(postgres, shop):
    name, connection = shop
    for migration in CHAIN:
        apply(connection, migration)
    with connection.cursor() as cursor:
        cursor.execute(migrations.SHOP_DATA.read_text())
        cursor.execute("INSERT INTO customers (name, email) VALUES ('x', 'Customer1@shop.example')")
        was = schema_of(postgres, name)
        with pytest.raises(psycopg2.errors.UniqueViolation):
            migrations.run_script(connection, NEXT[10].apply)
        assert schema_of(postgres, name) == was
        cursor.execute("DELETE FROM customers WHERE name = 'x'")
    apply(connection, NEXT[10])
    migrations.run_script(connection, NEXT[10].undo)
    assert schema_of(postgres, name) == was


def test_trigger_keeps_changes_of_state(shop):
    _, connection = shop
    for migration in CHAIN:
        apply(connection, migration)
    with connection.cursor() as cursor:
        cursor.execute(migrations.SHOP_DATA.read_text())
        cursor.execute("SELECT was::text, is_now::text, count(*)::int FROM audit GROUP BY 1, 2")
        assert cursor.fetchall() == [("open", "paid", 100)]
        cursor.execute("SELECT sum(line_count)::int FROM order_totals")
        assert cursor.fetchone() == (600,)
