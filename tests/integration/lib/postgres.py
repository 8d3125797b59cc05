"""A throwaway PostgreSQL cluster.

fsync stays on: durability is part of what is tested. The superuser comes in over the socket; roles of the tests over TCP with
passwords, as in production. Roles and their rights: see ROLES_SQL.
"""
import glob
import os
import signal
import socket
import subprocess
from pathlib import Path

import psycopg2
import psycopg2.extensions
from psycopg2 import sql

from lib import account
from lib.process import Child, ProcessEnded, clean_environment

DROVER_PASSWORD = "drover-login"

# Drover's login is no superuser: it may become the owner, the backup and the restore role. The
# backup role reads all rows past row security; the restore role makes databases and, to hand them
# over, may become the owner.
ROLES_SQL = f"""
CREATE ROLE drover LOGIN PASSWORD '{DROVER_PASSWORD}';
CREATE ROLE tenant_owner NOLOGIN;
CREATE ROLE drover_backup NOLOGIN BYPASSRLS;
CREATE ROLE drover_restore NOLOGIN CREATEDB;
GRANT pg_read_all_data TO drover_backup;
GRANT tenant_owner TO drover_restore;
GRANT tenant_owner, drover_backup, drover_restore TO drover;
GRANT pg_signal_backend, pg_read_all_stats TO drover;
"""

HBA = """\
local all postgres trust
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
local replication postgres trust
host replication all 127.0.0.1/32 scram-sha-256
"""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %d ",
    "timezone": "UTC",
    "autovacuum": "off",  # its statistics would arrive at a time of their own choosing
}

def program_folder(major=None):
    """Where initdb and its kin of the newest (or this) major are."""
    found = glob.glob(f"/usr/lib/postgresql/{major or '*'}/bin/initdb")
    if not found:
        raise RuntimeError("no PostgreSQL server programs; run deploy/install")
    newest = max(found, key=lambda path: int(path.split("/")[4]))
    return Path(newest).parent


def free_port():
    """A port that nobody holds now. Whoever starts on it tries again where it was taken since."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _run(argv):
    done = subprocess.run(account.as_server_user(argv), env=clean_environment(), text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, cwd="/")
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]} failed ({done.returncode}):\n{done.stdout}{done.stderr}")


class Postgres:
    """One cluster. Use as a context manager, or stop() and remove() it."""

    def __init__(self, folder, name="main", settings=None):
        self.name = name
        self.folder = account.make_server_folder(Path(folder) / name)
        if account.server_user() is not None:
            os.chmod(self.folder, 0o711)  # clients of other users reach the socket
        self.programs = program_folder()
        self.data = self.folder / "data"
        self.socket_folder = account.make_server_folder(self.folder / "s")
        os.chmod(self.socket_folder, 0o755)
        self.passfile = self.folder / "passfile"
        self.settings = {**SETTINGS, **(settings or {})}
        self.port = None
        self.server = None
        self._make_data()
        self._write_server_file("pg_hba.conf", HBA)

    def _make_data(self):
        """A data folder of its own by initdb: a copy would have the same system identifier."""
        _run([str(self.programs / "initdb"), "-D", str(self.data), "-U", "postgres", "-E", "UTF8",
              "--locale=C.UTF-8", "--auth=trust", "--no-sync", "--no-instructions"])

    def _write_server_file(self, name, text):
        path = self.data / name
        path.write_text(text)
        user = account.server_user()
        if user is not None:
            os.chown(path, user.pw_uid, user.pw_gid)

    # Life.

    def start(self):
        for _ in range(5):
            self.port = self.port or free_port()
            argv = [str(self.programs / "postgres"), "-D", str(self.data), "-p", str(self.port),
                    "-k", str(self.socket_folder)]
            for key, value in self.settings.items():
                argv += ["-c", f"{key}={value}"]
            self.server = Child(f"postgres {self.name}", account.as_server_user(argv),
                                env=clean_environment(), cwd="/")
            if self._is_up():
                self._write_passfile()
                return self
            if "Address already in use" not in self.server.output():
                break
            self.port = None
        raise RuntimeError(f"postgres did not start:\n{self.server.output()}")

    def _is_up(self):
        try:
            self.server.wait_for_line("database system is ready to accept connections")
        except ProcessEnded:
            return False
        return True

    def _write_passfile(self):
        """A passfile of the tests' own account, with the password of Drover's login."""
        self.passfile.touch(mode=0o600)
        self.passfile.write_text(f"127.0.0.1:{self.port}:*:drover:{DROVER_PASSWORD}\n"
                                 f"{self.socket_folder}:{self.port}:*:drover:{DROVER_PASSWORD}\n")
        self.passfile.chmod(0o600)

    def stop(self, mode=signal.SIGINT):
        """SIGINT is a fast shutdown, SIGQUIT an immediate one (postgres(1))."""
        if self.server is not None and self.server.is_running():
            self.server.stop(mode)
        self.server = None

    def crash(self):
        """As after a power cut of the process: immediate shutdown, recovery at the next start."""
        self.stop(signal.SIGQUIT)

    def restart(self):
        self.stop()
        return self.start()

    def remove(self):
        if self.server is not None and self.server.is_running():
            self.server.stop(signal.SIGQUIT)
        account.remove_folder(self.folder)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.remove()

    # Contents.

    def connect(self, database="postgres", user="postgres", password=None):
        """A connection in autocommit: the superuser over the socket, others over TCP."""
        host = str(self.socket_folder) if user == "postgres" else "127.0.0.1"
        if user == "drover" and password is None:
            password = DROVER_PASSWORD
        connection = psycopg2.connect(host=host, port=self.port, dbname=database, user=user,
                                      password=password, connect_timeout=20)
        connection.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT)
        return connection

    def run(self, text, database="postgres", user="postgres", values=None):
        """Run SQL; the rows of its last statement, or None where that answers none."""
        connection = self.connect(database, user)
        try:
            with connection.cursor() as cursor:
                cursor.execute(text, values)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def value(self, text, database="postgres", user="postgres", values=None):
        rows = self.run(text, database, user, values)
        return rows[0][0]

    def create_roles(self):
        self.run(ROLES_SQL)

    def create_tenants(self, names, owner="tenant_owner"):
        """One database a tenant; Drover's login may connect and make its own schema there."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                for name in names:
                    database = sql.Identifier(name)
                    cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {} STRATEGY wal_log").format(
                        database, sql.Identifier(owner)))
                    cursor.execute(sql.SQL("GRANT CREATE, CONNECT, TEMPORARY ON DATABASE {} "
                                           "TO drover").format(database))
        finally:
            connection.close()
        return list(names)

    def databases(self):
        return [row[0] for row in self.run(
            'SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY datname COLLATE "C"')]

    def system_identifier(self):
        return self.value("SELECT system_identifier FROM pg_control_system()")
