# ./dev bench: measures release builds against a PostgreSQL of their own, one bench after the other.
# shellcheck shell=bash
# shellcheck source=build.sh
source "$here/build.sh"

bench_postgres_dir=$local_dir/bench-postgres

finish_bench() {
    local status=$?
    trap '' INT TERM HUP
    set +e
    "$here/private-postgres" stop "$bench_postgres_dir" immediate 2>/dev/null
    rm -rf "$bench_postgres_dir/data"
    exit "$status"
}

# Made anew, so that no figure depends on what an earlier run left.
start_bench_database() {
    step "starting PostgreSQL in ${bench_postgres_dir#"$root/"}"
    "$here/private-postgres" stop "$bench_postgres_dir" immediate
    rm -rf "$bench_postgres_dir/data"
    SUBCULTS_TEST_DATABASE_URL=$("$here/private-postgres" start "$bench_postgres_dir" 8>&-)
    export SUBCULTS_TEST_DATABASE_URL
    # Making a cluster and building leave much to be written; it must not go on beneath the figures.
    sync
}

# run_benches NAME...: NAME is a bench, or BENCH.PART for a part of one.
run_benches() {
    local name program failed=0
    for name in "$@"; do
        program=$root/build/release/bin/bench_${name%%.*}
        local arguments=("${bench_options[@]}")
        [[ $name != *.* ]] || arguments+=("${name#*.}")
        step "measuring $name"
        # Results are the only thing on standard output.
        "$program" "${arguments[@]}" 8>&- || failed=1
    done
    return "$failed"
}

command_bench() {
    local names=() report_options=() value name
    bench_options=()
    while (($# > 0)); do
        case $1 in
            --json)
                report_options+=(--json)
                shift
                ;;
            --seconds | --rounds)
                value=$(value_of "$@")
                [[ $value =~ ^[0-9]+(\.[0-9]+)?$ ]] || usage_error "$1 wants a number"
                bench_options+=("$1" "$value")
                shift 2
                ;;
            -*) usage_error "bench: unknown option $1" ;;
            *)
                names+=("$1")
                shift
                ;;
        esac
    done
    ensure_packages >&2
    build_preset release benches || exit 1
    if ((${#names[@]} == 0)); then
        for name in "$root"/build/release/bin/bench_*; do
            names+=("${name##*/bench_}")
        done
    fi
    for name in "${names[@]}"; do
        [[ -x $root/build/release/bin/bench_${name%%.*} ]] || die "there is no bench ${name%%.*}"
    done
    ulimit -c 0
    mkdir -p "$local_dir"
    # Two at once would measure each other.
    exec 8>"$local_dir/bench.lock"
    flock -n 8 || die "another ./dev bench is running here"
    trap finish_bench EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    start_bench_database
    run_benches "${names[@]}" | "$root/tests/bench/report" "${report_options[@]}" \
        --database "$SUBCULTS_TEST_DATABASE_URL" --directory "$local_dir"
}
