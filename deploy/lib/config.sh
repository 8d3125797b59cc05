# config.sh: keys and configuration files of a small fleet in $run_folder. Uses say.sh.
#
# Everything that knows a key of a configuration file, or how a key is made, stands here.
# shellcheck shell=bash

# Make a key file and its public twin.
make_key() { # kind name file
    "$drover_bin/drover" key new --kind "$1" --name "$2" "$3" >/dev/null
}

public_half() { # file
    sed -n 's/^public: //p' "$1.pub"
}

# The fleet's hierarchy, whose every role one person has, and the agents' own keys.
make_keys() { # agent...
    local agent
    mkdir -p "$run_folder/keys"
    show_command "drover trust init --solo --name operator --no-passphrase --out trust"
    "$drover_bin/drover" trust init --solo --name operator --no-passphrase \
        --out "$run_folder/trust" >/dev/null 2>&1
    for agent in "$@"; do
        make_key agent "$agent" "$run_folder/keys/$agent.sign"
        make_key curve "$agent" "$run_folder/keys/$agent.curve"
        make_key backup "$agent" "$run_folder/keys/$agent.backup"
    done
}

write_coordinator_config() { # address
    mkdir -p "$run_folder/bundles"
    cat >"$run_folder/coordinator.yaml" <<YAML
listen: "$1"
catalog: catalog.sqlite
keys: {sign: trust/coordinator.key, curve: trust/coordinator.curve}
trust: {root: trust/fleet.trust}
bundles: bundles
YAML
    cat >"$run_folder/drover.yaml" <<YAML
coordinator:
  address: "$1"
  curve: "$(public_half "$run_folder/trust/coordinator.curve")"
keys: {sign: trust/operator.key, curve: trust/operator.curve}
trust: {root: trust/fleet.trust}
YAML
}

# Tenants come on stdin, one a line: "database tier region".
write_agent_config() { # agent cluster address
    local database tier region
    mkdir -p "$run_folder/$1"
    {
        cat <<YAML
name: $1
coordinator:
  address: "$3"
  curve: "$(public_half "$run_folder/trust/coordinator.curve")"
keys: {sign: keys/$1.sign, curve: keys/$1.curve, backup: keys/$1.backup}
trust: {root: trust/fleet.trust}
state: $1/state
inventory_refresh: 2s
backup:
  directory: $1/backups
  recovery_keys: ["$(public_half "$run_folder/trust/recovery.key")"]
  min_free: 100MiB
clusters:
  - name: $2
    connection:
      host: 127.0.0.1
      port: $(cluster_port "$2")
      user: drover
      passfile: passfile
    roles: {owner: shop_owner, backup: drover_backup, restore: drover_restore}
    tenants:
      labels: {app: shop}
      list:
YAML
        while read -r database tier region; do
            printf '        - {database: %s, labels: {tier: %s, region: %s}}\n' \
                "$database" "$tier" "$region"
        done
    } >"$run_folder/$1.yaml"
    mkdir -p -m 0700 "$run_folder/$1/state" "$run_folder/$1/backups"
}

# The agent asks, the operator accepts what it asked.
enroll_agent() { # agent
    local fingerprint
    fingerprint=$("$drover_bin/drover-agent" enroll --request "$run_folder/$1.request" \
        --config "$run_folder/$1.yaml")
    drover agents accept --request "$run_folder/$1.request" --fingerprint "$fingerprint" --yes
}

write_spec() { # file bundle
    cat >"$1" <<YAML
bundle: $2
target: latest
select: app=shop
waves:
  - {name: canary, count: 2}
  - {name: quarter, percent: 25%}
  - {name: rest, rest: true}
on_failure: pause
recovery_point: {policy: dump, trial_restore: canary}
YAML
}
