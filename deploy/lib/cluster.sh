# cluster.sh: throwaway PostgreSQL clusters with the roles that Drover wants. Uses say.sh and
# service.sh.
#
# A cluster NAME stands in $run_folder/NAME: data, socket folder s, port. Drover's login comes in
# over loopback with a password from a passfile, and is no superuser.
# shellcheck shell=bash

cluster_programs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t/ -k5 -n | tail -n 1)
readonly cluster_programs
readonly CLUSTER_PASSWORD=drover-demo

cluster_init() { # name
    local folder="$run_folder/$1" as_user
    read -r -a as_user <<<"$(server_user_words)"
    mkdir -p "$folder/s"
    if [ "$(id -u)" -eq 0 ]; then
        chown "${as_user[1]#*=}:${as_user[2]#*=}" "$folder" "$folder/s"
    fi
    (cd / && "${as_user[@]}" "$cluster_programs/initdb" -D "$folder/data" -U postgres -E UTF8 \
        --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 --no-sync \
        --no-instructions >/dev/null)
}

cluster_start() { # name
    local folder="$run_folder/$1" as_user port
    read -r -a as_user <<<"$(server_user_words)"
    port=$(free_port)
    echo "$port" >"$folder.port"
    start_service "postgres-$1" "${as_user[@]}" "$cluster_programs/postgres" -D "$folder/data" \
        -k "$folder/s" -p "$port" -c listen_addresses=127.0.0.1 -c max_connections=60 \
        -c shared_buffers=64MB -c cluster_name="$1"
    await_line "postgres-$1" 'database system is ready to accept connections'
    (umask 077 && printf '127.0.0.1:%s:*:drover:%s\n' "$port" "$CLUSTER_PASSWORD" \
        >>"$run_folder/passfile")
}

cluster_port() { # name
    cat "$run_folder/$1.port"
}

# psql as the superuser, over the socket.
cluster_psql() { # name database [options...]
    local name=$1 database=$2
    shift 2
    psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$run_folder/$name/s" -p "$(cluster_port "$name")" \
        -U postgres -d "$database" "$@"
}

# The login may become the owner, the backup and the restore role.
cluster_roles() { # name
    cluster_psql "$1" postgres <<SQL
CREATE ROLE drover LOGIN PASSWORD '$CLUSTER_PASSWORD';
CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE drover_backup NOLOGIN BYPASSRLS;
CREATE ROLE drover_restore NOLOGIN CREATEDB;
GRANT pg_read_all_data TO drover_backup;
GRANT shop_owner TO drover_restore;
GRANT shop_owner, drover_backup, drover_restore TO drover;
GRANT pg_signal_backend, pg_read_all_stats TO drover;
SQL
}

cluster_tenants() { # name database...
    local name=$1 database
    shift
    for database in "$@"; do
        printf 'CREATE DATABASE %s OWNER shop_owner;\n' "$database"
        printf 'GRANT CREATE, CONNECT, TEMPORARY ON DATABASE %s TO drover;\n' "$database"
    done | cluster_psql "$name" postgres
}
