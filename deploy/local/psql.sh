# ./dev psql: PostgreSQL's shell on the running database.
# shellcheck shell=bash

command_psql() {
    local url
    url=$("$here/private-postgres" url "$postgres_dir" subcults 2>/dev/null) ||
        die "no database runs: start it with ./dev up"
    unset "${!PG@}"
    exec psql -d "$url" "$@"
}
