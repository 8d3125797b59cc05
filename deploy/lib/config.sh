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

make_keys() { # agent...
    local agent
    mkdir -p "$run_folder/keys"
    make_key coordinator coordinator "$run_folder/keys/coordinator.sign"
    make_key curve coordinator "$run_folder/keys/coordinator.curve"
    make_key operator operator "$run_folder/keys/operator.sign"
    make_key curve operator "$run_folder/keys/operator.curve"
    make_key release release "$run_folder/keys/release"
    make_key recovery recovery "$run_folder/keys/recovery"
    for agent in "$@"; do
        make_key agent "$agent" "$run_folder/keys/$agent.sign"
        make_key curve "$agent" "$run_folder/keys/$agent.curve"
        make_key backup "$agent" "$run_folder/keys/$agent.backup"
    done
}

peer() { # name kind
    printf '  - name: %s\n    kind: %s\n    curve: "%s"\n    sign: "%s"\n' "$1" "$2" \
        "$(public_half "$run_folder/keys/$1.curve")" "$(public_half "$run_folder/keys/$1.sign")"
}

write_coordinator_config() { # address agent...
    local address=$1 agent
    shift
    mkdir -p "$run_folder/bundles"
    cat >"$run_folder/coordinator.yaml" <<YAML
listen: "$address"
catalog: catalog.sqlite
keys: {sign: keys/coordinator.sign, curve: keys/coordinator.curve}
peers: peers.yaml
bundles: bundles
YAML
    {
        echo 'peers:'
        peer operator operator
        for agent in "$@"; do
            peer "$agent" agent
        done
    } >"$run_folder/peers.yaml"
    cat >"$run_folder/drover.yaml" <<YAML
coordinator:
  address: "$address"
  curve: "$(public_half "$run_folder/keys/coordinator.curve")"
keys: {sign: keys/operator.sign, curve: keys/operator.curve}
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
  curve: "$(public_half "$run_folder/keys/coordinator.curve")"
  sign: "$(public_half "$run_folder/keys/coordinator.sign")"
keys: {sign: keys/$1.sign, curve: keys/$1.curve, backup: keys/$1.backup}
release_keys: ["$(public_half "$run_folder/keys/release")"]
state: $1/state
inventory_refresh: 2s
backup:
  directory: $1/backups
  recovery_keys: ["$(public_half "$run_folder/keys/recovery")"]
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
