# Stopping everything that `./dev up` started; used by down and by up itself.
# shellcheck shell=bash
# shellcheck source=processes.sh
source "$here/processes.sh"

# The services first, while what they depend on still answers; the database last.
stop_everything() {
    local patience=15 grace=${SHUTDOWN_GRACE_SECONDS:-0}
    [[ ! $grace =~ ^[0-9]{1,4}$ ]] || ((grace + 5 <= patience)) || patience=$((grace + 5))
    stop_processes "$patience" subcults-api subcults-indexer
    stop_processes 5 jetstream-sim
    "$here/private-postgres" stop "$postgres_dir" || note "PostgreSQL could not be stopped"
    rm -f "$run_dir/environment"
}
