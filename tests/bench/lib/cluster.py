"""The server that is measured, and its tenants: copies of one template database.

Local connections are trusted: a password's hashing would hide what is compared. The settings are
the same for all contenders; fsync and synchronous_commit stay on.
"""
from lib.postgres import HBA, Postgres
from chain import tenant_sql

SETTINGS = {
    "shared_buffers": "512MB",
    "max_connections": "120",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",  # no checkpoint of its own accord within a run
}


class Cluster(Postgres):
    def __init__(self, folder, **settings):
        super().__init__(folder, "bench", {**SETTINGS, **settings})
        self._write_server_file("pg_hba.conf", HBA.replace(
            "local all all scram-sha-256", "local all all trust"))

    def prepare(self):
        self.start()
        self.create_roles()
        self.run("ALTER ROLE tenant_owner LOGIN")
        return self

    def make_template(self, rows):
        name = f"template_{rows}"
        self.run(f"CREATE DATABASE {name} OWNER tenant_owner STRATEGY wal_log")
        self.run(f"GRANT CREATE, CONNECT, TEMPORARY ON DATABASE {name} TO drover")
        self.run(tenant_sql(rows), name, "tenant_owner")
        self.run("VACUUM ANALYZE", name)
        return name

    def connect(self, database="postgres", user="postgres", password=None):
        return super().connect(database, user, password) if user != "tenant_owner" \
            else self._connect_local(database, user)

    def _connect_local(self, database, user):
        import psycopg2
        connection = psycopg2.connect(host=str(self.socket_folder), port=self.port,
                                      dbname=database, user=user)
        connection.autocommit = True
        return connection

    def make_tenants(self, template, names):
        connection = super().connect()
        with connection.cursor() as cursor:
            for name in names:
                cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER tenant_owner "
                               "STRATEGY wal_log")
                cursor.execute(f"GRANT CREATE, CONNECT, TEMPORARY ON DATABASE {name} TO drover")
        connection.close()
        self.run("CHECKPOINT")

    def drop_tenants(self, names):
        connection = super().connect()
        with connection.cursor() as cursor:
            for name in names:
                cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
        connection.close()

    def conninfo(self, user="tenant_owner"):
        return f"host={self.socket_folder} port={self.port} user={user}"
