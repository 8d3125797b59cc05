"""The harness itself: clusters start, crash and recover; roles and tenants are what they claim."""
import os

import psycopg2
import pytest

from lib import account, configs
from lib.postgres import Postgres
from lib.process import Child, ProcessEnded


@pytest.fixture(scope="module")
def tenants(postgres):
    return postgres.create_tenants([f"shop_{n}" for n in range(3)])


def test_server_runs_unprivileged(postgres):
    assert postgres.value("SELECT count(*) FROM pg_stat_activity WHERE pid = pg_backend_pid()") == 1
    owner = os.stat(f"/proc/{postgres.server.pid}").st_uid
    assert owner != 0
    assert postgres.value("SHOW fsync") == "on"


def test_tenants_exist(postgres, tenants):
    assert postgres.databases() == ["postgres", *tenants]
    owner = postgres.value("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s",
                           values=(tenants[0],))
    assert owner == "tenant_owner"


def test_login_is_no_superuser_and_becomes_the_others(postgres, tenants):
    assert postgres.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user",
                          user="drover") is False
    for role in ("tenant_owner", "drover_backup", "drover_restore"):
        assert postgres.value(f"SET ROLE {role}; SELECT current_user", tenants[0], "drover") == role


def test_login_owns_a_schema_of_its_own(postgres, tenants):
    postgres.run("CREATE SCHEMA drover; CREATE TABLE drover.x (a int)", tenants[0], "drover")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        postgres.run("SET ROLE tenant_owner; SELECT * FROM drover.x", tenants[0], "drover")
    postgres.run("SET ROLE tenant_owner; CREATE TABLE public.theirs (a int)", tenants[0], "drover")


def test_backup_role_sees_past_row_security(postgres, tenants):
    postgres.run("CREATE TABLE hidden (a int); INSERT INTO hidden VALUES (1);"
                 "ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;"
                 "ALTER TABLE hidden FORCE ROW LEVEL SECURITY;"
                 "ALTER TABLE hidden OWNER TO tenant_owner", tenants[1])
    assert postgres.value("SET ROLE tenant_owner; SELECT count(*) FROM hidden", tenants[1],
                          "drover") == 0
    assert postgres.value("SET ROLE drover_backup; SELECT count(*) FROM hidden", tenants[1],
                          "drover") == 1


def test_restore_role_makes_databases_for_the_owner(postgres, tenants):
    postgres.run("SET ROLE drover_restore", user="drover")
    connection = postgres.connect(user="drover")
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE drover_restore")
        cursor.execute("CREATE DATABASE beside OWNER tenant_owner")
        cursor.execute("DROP DATABASE beside")
    connection.close()


def test_wrong_password_is_refused(postgres):
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        postgres.connect(user="drover", password="wrong")


def test_passfile_works_for_libpq(postgres):
    connection = psycopg2.connect(host="127.0.0.1", port=postgres.port, dbname="postgres",
                                  user="drover", passfile=str(postgres.passfile))
    connection.close()


def test_crash_and_recovery(folder):
    with Postgres(folder, "crashing") as server:
        server.run("CREATE TABLE kept (a int)")
        server.crash()
        assert server.server is None
        server.start()
        assert server.value("SELECT count(*) FROM kept") == 0
        assert "was not properly shut down" in server.server.output()


def test_clusters_differ(folder, postgres):
    with Postgres(folder, "other") as other:
        assert other.system_identifier() != postgres.system_identifier()


def test_removal_leaves_nothing(folder):
    server = Postgres(folder, "gone").start()
    pid = server.server.pid
    server.remove()
    assert not server.folder.exists()
    assert not os.path.exists(f"/proc/{pid}")


def test_child_lines_are_awaited():
    child = Child("sh", ["/bin/sh", "-c", "echo one; echo two 42 >&2; read x; exit 3"])
    assert child.wait_for_line(r"two (\d+)").group(1) == "42"
    with pytest.raises(ProcessEnded, match="(?s)ended; awaited /three/.*sh. one"):
        child.wait_for_line("three")
    assert child.wait() == 3


def test_folder_can_be_reached(folder):
    assert account.server_user() is None or account.can_walk_to(folder)


def test_yaml_emitter():
    tree = {"a": 1, "b": True, "c": "yes", "d": [], "e": {}, "f": ["x y", {"g": "tcp://h:1"}],
            "h": None, "i": {"15": "/usr/lib"}}
    assert configs.yaml(tree) == (
        'a: 1\nb: true\nc: "yes"\nd: []\ne: {}\nf:\n  - "x y"\n  -\n    g: "tcp://h:1"\n'
        'i:\n  "15": /usr/lib\n')
    assert configs.merge({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}, "d": 4}) == \
        {"a": {"b": 1, "c": 3}, "d": 4}
