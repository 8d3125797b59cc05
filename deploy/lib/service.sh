# service.sh: background programs of one folder: started, awaited, ended, never mistaken.
#
# $run_folder holds logs/NAME.log and pids (one "PID START NAME" a line, START from /proc/PID/stat,
# so that a number that was given to another process is left alone).
# shellcheck shell=bash

readonly SERVICE_WAIT_S=60

# The words that run a command as an unprivileged user; nothing where we are one.
# PostgreSQL refuses to run as root (initdb(1)).
server_user_words() {
    local user
    [ "$(id -u)" -eq 0 ] || return 0
    for user in postgres nobody; do
        if id "$user" >/dev/null 2>&1; then
            echo "setpriv --reuid=$(id -u "$user") --regid=$(id -g "$user") --clear-groups --"
            return 0
        fi
    done
    die "neither 'postgres' nor 'nobody' exists to run a server as"
}

# When a process started, in ticks since boot: field 22 of proc(5)'s stat, after the name's ')'.
process_start() { # pid
    sed -n 's/^.*) //p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

start_service() { # name command...
    local name=$1
    shift
    mkdir -p "$run_folder/logs"
    (cd / && exec "$@" </dev/null >"$run_folder/logs/$name.log" 2>&1) &
    echo "$! $(process_start $!) $name" >>"$run_folder/pids"
}

service_runs() { # name
    local pid start name
    while read -r pid start name; do
        if [ "$name" = "$1" ] && [ "$(process_start "$pid")" = "$start" ]; then
            return 0
        fi
    done <"$run_folder/pids"
    return 1
}

# Wait until a service's log has a line; die with the log's end where it stops or stays silent.
await_line() { # name extended-regex
    local log="$run_folder/logs/$1.log" pid
    pid=$(awk -v name="$1" '$3 == name { pid = $1 } END { print pid }' "$run_folder/pids")
    if ! grep -E -m1 -- "$2" >/dev/null \
        < <(timeout "$SERVICE_WAIT_S" tail -s 0.1 -n +1 -F --pid="$pid" "$log" 2>/dev/null); then
        complain "$1 did not say /$2/; the end of its log:"
        tail -n 20 "$log" >&2 || true
        return 1
    fi
}

# Whether a process is gone, or dead and merely not yet collected by its parent.
process_ended() { # pid start
    [ "$(process_start "$1")" != "$2" ] || [ "$(sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1)" = Z ]
}

# Signal every service whose name matches, and wait: what does not end in ten seconds is killed.
end_services() { # signal name-pattern
    local pid start name tries
    while read -r pid start name; do
        # shellcheck disable=SC2254 # a pattern is meant
        case $name in $2) process_ended "$pid" "$start" || kill "-$1" "$pid" || true ;; esac
    done <"$run_folder/pids"
    while read -r pid start name; do
        # shellcheck disable=SC2254
        case $name in $2) ;; *) continue ;; esac
        for ((tries = 0; tries < 200; tries++)); do
            ! process_ended "$pid" "$start" || continue 2
            sleep 0.05
        done
        complain "$name did not end: killed"
        kill -KILL "$pid" 2>/dev/null || true
    done <"$run_folder/pids"
}

# Programs end on SIGTERM, agents before the coordinator; servers on SIGINT (a fast shutdown,
# postgres(1)).
stop_services() {
    [ -f "$run_folder/pids" ] || return 0
    end_services TERM 'agent-*'
    end_services TERM coordinator
    end_services INT 'postgres-*'
    rm -f "$run_folder/pids"
}

# A free port on loopback: the kernel gives it, python asks.
free_port() {
    /usr/bin/python3 -c 'import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])'
}
