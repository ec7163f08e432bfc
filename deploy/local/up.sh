# ./dev up: the whole system on this machine, from nothing to answering.
# shellcheck shell=bash
# shellcheck source=build.sh
source "$here/build.sh"
# shellcheck source=stop.sh
source "$here/stop.sh"
# shellcheck source=environment.sh
source "$here/environment.sh"
# shellcheck source=examples.sh
source "$here/examples.sh"

readonly bin_dir=$root/build/release/bin
readonly ready_timeout=60

is_up() {
    is_alive subcults-api && is_alive subcults-indexer &&
        "$here/private-postgres" status "$postgres_dir" 2>/dev/null
}

# One `up` at a time; descriptor 9 carries the lock and is closed for whatever outlives this shell.
take_lock() {
    exec 9>"$run_dir/up.lock"
    flock -n 9 && return 0
    note "another ./dev up is starting; waiting for it"
    flock 9
}

stop_leftovers() {
    local name
    for name in up subcults-api subcults-indexer jetstream-sim; do
        is_alive "$name" || continue
        note "an earlier run left $name: stopping it first"
        signal TERM up
        wait_until 60 is_dead up || true
        stop_everything
        return
    done
}

check_ports() {
    local wanted=("API_LISTEN=$API_LISTEN" "INDEXER_LISTEN=$INDEXER_LISTEN") problems
    [[ $use_sim == no ]] || wanted+=("SIM_LISTEN=$SIM_LISTEN")
    problems=$("$here/ports" "${wanted[@]}") || die "$problems"
}

start_database() {
    local admin
    step "starting PostgreSQL in ${postgres_dir#"$root/"}"
    admin=$("$here/private-postgres" start "$postgres_dir" 9>&-)
    ln -sfn ../postgres/log "$log_dir/postgres.log"
    [[ $(clean_psql -Atd "$admin" -c "SELECT 1 FROM pg_database WHERE datname = 'subcults'") == 1 ]] ||
        clean_psql -qd "$admin" -c 'CREATE DATABASE subcults'
    DATABASE_URL=$("$here/private-postgres" url "$postgres_dir" subcults)
    export DATABASE_URL
    step "applying migrations"
    "$bin_dir/subcults-api" migrate >"$log_dir/migrate.log" 2>&1 9>&- || {
        show_log_tail migrate
        return 1
    }
}

# A URL answers 200, or the process behind it is gone and waiting is over.
answers_or_dead() {
    is_dead "$1" || curl -fs -m 3 --noproxy '*' -o /dev/null "$2"
}

wait_ready() {
    local name=$1 address
    address=$(reachable "$2")
    step "waiting for $name on $address"
    if ! wait_until "$ready_timeout" answers_or_dead "$name" "http://$address/health/ready"; then
        note "$name is not ready after ${ready_timeout}s; its /health/ready says:"
        curl -s -m 3 --noproxy '*' "http://$address/health/ready" >&2 || true
        note ""
    elif is_dead "$name"; then
        note "$name ended at start"
    else
        return 0
    fi
    show_log_tail "$name"
    return 1
}

accepts_or_dead() {
    is_dead "$1" || (exec 3<>"/dev/tcp/${2%:*}/${2##*:}") 2>/dev/null
}

start_sim() {
    [[ $use_sim == yes ]] || return 0
    step "starting jetstream-sim"
    launch jetstream-sim "$bin_dir/jetstream-sim" --listen "$SIM_LISTEN" --generate --rate 20
    local address
    address=$(reachable "$SIM_LISTEN")
    if ! wait_until 20 accepts_or_dead jetstream-sim "${address//[\[\]]/}" || is_dead jetstream-sim; then
        note "jetstream-sim does not listen on $SIM_LISTEN"
        show_log_tail jetstream-sim
        return 1
    fi
}

start_services() {
    step "starting subcults-api and subcults-indexer"
    launch subcults-api "$bin_dir/subcults-api"
    launch subcults-indexer "$bin_dir/subcults-indexer"
    wait_ready subcults-api "$API_LISTEN" && wait_ready subcults-indexer "$INDEXER_LISTEN"
}

# Runs at every way out but a successful `--detach`.
on_exit() {
    local status=$?
    trap '' INT TERM HUP PIPE
    set +e
    stop_everything
    rm -f "$run_dir/up.pid"
    exit "$status"
}

# With its terminal gone, messages would fail and take the clean-up with them.
on_hangup() {
    exec >>"$log_dir/up.log" 2>&1
    exit "$interrupted_status"
}

guard_exit() {
    interrupted_status=130
    trap on_exit EXIT
    trap 'exit "$interrupted_status"' INT TERM
    trap on_hangup HUP PIPE
}

first_dead() {
    local name
    for name in "$@"; do
        is_alive "$name" || {
            printf '%s' "$name"
            return
        }
    done
    "$here/private-postgres" status "$postgres_dir" 2>/dev/null || printf 'PostgreSQL'
}

report_death() {
    local pid rest status=0
    if [[ $1 == PostgreSQL ]]; then
        note "PostgreSQL ended unexpectedly"
        show_log_tail postgres
        return
    fi
    read -r pid rest <"$run_dir/$1.pid"
    { wait "$pid"; } 2>/dev/null || status=$? # bash would announce a killed job
    note "$1 ended unexpectedly (exit status $status)"
    show_log_tail "$1"
}

watch_processes() {
    local names=(subcults-api subcults-indexer) dead
    [[ $use_sim == no ]] || names+=(jetstream-sim)
    while true; do
        dead=$(first_dead "${names[@]}")
        if [[ -n $dead ]]; then
            report_death "$dead"
            exit 1
        fi
        sleep 1 & # in the background, because only `wait` lets a trap run at once
        wait $! || true
    done
}

command_up() {
    local detach=no
    case ${1:-} in
        '') ;;
        --detach) detach=yes ;;
        *) usage_error "up: unknown option $1" ;;
    esac
    ensure_packages
    mkdir -p "$run_dir" "$log_dir"
    if ! is_up; then
        build_preset release subcults-api subcults-indexer jetstream-sim || exit 1
    fi
    take_lock
    if is_up; then
        note "already running; ./dev down stops it"
        load_running
        print_examples
        return 0
    fi
    stop_leftovers
    export_defaults
    check_ports
    guard_exit
    start_database
    start_sim || exit 1
    start_services || exit 1
    save_running
    step "ready"
    print_examples
    if [[ $detach == yes ]]; then
        trap - EXIT INT TERM HUP PIPE
        note "./dev down stops it."
        return 0
    fi
    record_pid up $$
    exec 9>&-
    interrupted_status=0 # from here on, being told to stop is success
    note "Ctrl-C stops it."
    watch_processes
}
