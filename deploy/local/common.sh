# What every command of ./dev shares: where things are, and how it talks.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck disable=SC2034 # used by the scripts that source this one
{
    here=$root/deploy/local
    local_dir=$root/.local
    run_dir=$local_dir/run
    log_dir=$local_dir/logs
    tools_dir=$local_dir/tools
    postgres_dir=$local_dir/postgres
    test_postgres_dir=$local_dir/test-postgres
}

# Progress goes to standard error, so that standard output stays usable in pipes.
note() { printf '%s\n' "$*" >&2; }
step() { printf '[%4ds] %s\n' "$SECONDS" "$*" >&2; }
die() {
    printf 'dev: %s\n' "$*" >&2
    exit 1
}
usage_error() {
    printf 'dev: %s\n' "$*" >&2
    exit 2
}

# The value of an option that needs one: value_of --preset "$@"
value_of() {
    [[ $# -ge 2 && -n ${2:-} ]] || usage_error "$1 needs a value"
    printf '%s' "$2"
}

# Waits until a command succeeds: wait_until SECONDS COMMAND...
wait_until() {
    local tries=$(($1 * 10))
    shift
    until "$@"; do
        ((tries-- > 0)) || return 1
        sleep 0.1
    done
}

# PostgreSQL's own clients, with nothing of the caller's libpq environment.
clean_psql() { (unset "${!PG@}" && exec psql --no-psqlrc "$@"); }
