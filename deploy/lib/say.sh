# say.sh: how the deploy scripts talk. Terse, on stdout; complaints on stderr.
# shellcheck shell=bash

if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
    say_bold=$'\e[1m' say_dim=$'\e[2m' say_plain=$'\e[0m'
else
    say_bold='' say_dim='' say_plain=''
fi
say_step=0

# A numbered headline.
headline() {
    say_step=$((say_step + 1))
    printf '\n%s%d. %s%s\n' "$say_bold" "$say_step" "$*" "$say_plain"
}

# A line of narration.
say() {
    printf '   %s\n' "$*"
}

# A command as one would type it.
show_command() {
    printf '   %s$ %s%s\n' "$say_dim" "$*" "$say_plain"
}

complain() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
    complain "$@"
    exit 1
}
