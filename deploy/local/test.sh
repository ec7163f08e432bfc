# ./dev test: the gate. Lints, then every preset's tests against a PostgreSQL of their own.
# shellcheck shell=bash
# shellcheck source=build.sh
source "$here/build.sh"
# shellcheck source=lint.sh
source "$here/lint.sh"
# shellcheck source=sanitizers.sh
source "$here/sanitizers.sh"

passed=0
failed=0
skipped=0

# What of a preset belongs to the gate. Sanitizers cost time: Address looks at everything but the
# long runs, Thread at the tests that have threads.
gate_filter() {
    case $1 in
        asan) filter=(-LE '^(soak|bench)$') ;;
        tsan) filter=(-L '^threads$') ;;
        *) filter=() ;;
    esac
}

# The cluster is made anew, so that no run depends on what an earlier one left.
start_test_database() {
    step "starting PostgreSQL in ${test_postgres_dir#"$root/"}"
    "$here/private-postgres" stop "$test_postgres_dir" immediate
    [[ ! -d $test_postgres_dir/data ]] || rm -rf "$test_postgres_dir/data"
    SUBCULTS_TEST_DATABASE_URL=$("$here/private-postgres" start "$test_postgres_dir" 8>&-)
    export SUBCULTS_TEST_DATABASE_URL
}

# run_ctest BUILD SANITIZER JOBS REPORT OPTION...
run_ctest() {
    local build=$1 sanitizer=$2 jobs=$3 report=$4 run=()
    shift 4
    [[ $sanitizer != asan && $sanitizer != tsan ]] || run=(in_sanitizer_mode)
    "${run[@]}" ctest --test-dir "$root/build/$build" -j "$jobs" --timeout 300 \
        --output-on-failure --output-junit "$report" "$@"
}

# Adds what the tests of one build did. A run that fails without a failed test (no tests, a crash
# while listing them) counts as one. Tests that only waited in vain, on a machine that others use
# too, are tried once more with nothing beside them, and said to be late.
count_tests() {
    local what=$1 build=$2 sanitizer=$3 status=0 counts late
    local report=$root/build/$build/junit.xml again=$root/build/$build/junit-again.xml
    shift 3
    rm -f "$report" "$again"
    step "testing $what"
    # More than there are processors: most tests wait for something most of the time.
    run_ctest "$build" "$sanitizer" "$(($(nproc) * 3))" "$report" "$@" || status=$?
    if ((status != 0)); then
        late=$("$here/tally" --late "$report")
        [[ -z $late ]] || run_ctest "$build" "$sanitizer" 1 "$again" -R "$late" || true
    fi
    counts=$("$here/tally" "$what" "$status" "$report" "$again")
    read -r -a counts <<<"$counts"
    passed=$((passed + counts[0]))
    failed=$((failed + counts[1]))
    skipped=$((skipped + counts[2]))
    step "tested $what: ${counts[0]} passed, ${counts[1]} failed, ${counts[2]} skipped"
}

# What of a preset is tested.
build_tests() {
    local targets=()
    # ThreadSanitizer looks at tests with threads only: building the others would be for nothing.
    [[ $1 != tsan ]] || targets=(threads_tests)
    build_preset "$1" "${targets[@]}"
}

# Compiles the next preset while this one's tests run. They mostly wait, and come first when they
# do not. What it has to say is said when it is waited for.
build_ahead() {
    ahead=$1
    set -m # a process group of its own, so that it can be ended as a whole
    (
        renice -n 19 "$BASHPID" >/dev/null
        build_tests "$ahead"
    ) >"$local_dir/build-$ahead.log" 2>&1 8>&- &
    ahead_job=$!
    set +m
}

end_build_ahead() {
    [[ -z ${ahead_job:-} ]] || kill -- "-$ahead_job" 2>/dev/null || true
}

# Once more in the foreground: that is for nothing when all went well, and shows what did not.
await_build() {
    if [[ ${ahead:-} == "$1" ]]; then
        step "waiting for the build of $1"
        wait "$ahead_job" || true
        ahead='' ahead_job=''
    fi
    build_tests "$1"
}

# The tests of a preset's own build.
test_preset() {
    local preset=$1
    shift
    if ! await_build "$preset"; then
        failed=$((failed + 1))
        return
    fi
    [[ -z $next ]] || build_ahead "$next"
    count_tests "$preset" "$preset" "$preset" "$@"
}

# The tests that see services from outside are those of `release`; here they drive the services of
# a sanitizer's preset.
test_services() {
    local preset=$1 label
    shift
    case $preset in
        asan) label='^processes' ;;
        tsan) label='^processes_threads$' ;;
        *) return 0 ;;
    esac
    if ! build_preset release process_tests; then
        failed=$((failed + 1))
        return
    fi
    export SUBCULTS_SANITIZED_PROGRAMS=$root/build/$preset/bin
    count_tests "the services of $preset" release "$preset" -L "$label" "$@"
    unset SUBCULTS_SANITIZED_PROGRAMS
}

# The verdict is the last line, whatever happened; only an interruption has none.
finish_test() {
    local status=$?
    trap '' INT TERM HUP
    set +e
    end_build_ahead
    "$here/private-postgres" stop "$test_postgres_dir" immediate 2>/dev/null
    ((status < 128)) || exit "$status"
    ((status == 0)) || failed=$((failed + 1))
    exec 1>&3 2>&3 # nothing may come after
    printf '%d passed, %d failed' "$passed" "$failed"
    ((skipped == 0)) || printf ', %d skipped' "$skipped"
    printf '\n'
    exit $((failed > 0 ? 1 : 0)) # a bare `exit` in a trap means the status before it
}

# The compose file on a real engine: only when asked for, because it compiles everything in images.
run_docker_stack() {
    local said
    step "the stack of docker-compose.yml"
    if ! said=$("$root/tests/deploy/docker-stack"); then
        failed=$((failed + 1))
    elif [[ $said == SKIPPED:* ]]; then
        step "$said"
        skipped=$((skipped + 1))
    else
        passed=$((passed + 1))
    fi
}

parse_test_options() {
    presets=() ctest_options=() gate=yes docker=no
    local value
    while (($# > 0)); do
        case $1 in
            --preset)
                value=$(value_of "$@")
                presets+=("$value")
                shift 2
                ;;
            --docker)
                docker=yes
                shift
                ;;
            --label)
                value=$(value_of "$@")
                ctest_options+=(-L "^$value\$")
                gate=no
                shift 2
                ;;
            *)
                ctest_options+=("$1")
                gate=no
                shift
                ;;
        esac
    done
    [[ ${#presets[@]} -eq 0 ]] || gate=${gate/yes/presets}
    [[ ${#presets[@]} -gt 0 ]] || presets=(release asan tsan)
}

command_test() {
    local preset filter
    parse_test_options "$@"
    exec 3>&1
    trap finish_test EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    ulimit -c 0
    ensure_check_packages
    mkdir -p "$local_dir"
    exec 8>"$local_dir/test.lock"
    flock -n 8 || {
        note "another ./dev test is running here; waiting for it"
        flock 8
    }
    if [[ $gate == yes ]]; then
        run_all_checks
    fi
    # Checks of what the endpoints expose; skipped where it could not be fetched.
    [[ ! -x $tools_dir/usr/bin/promtool ]] ||
        export SUBCULTS_PROMTOOL=$tools_dir/usr/bin/promtool
    # A machine that is shared is late; most waits of tests end long before their limit.
    export SUBCULTS_TEST_PATIENCE=${SUBCULTS_TEST_PATIENCE:-2}
    start_test_database
    local i next
    for i in "${!presets[@]}"; do
        preset=${presets[i]}
        next=${presets[i + 1]:-}
        gate_filter "$preset"
        if [[ $gate == no ]]; then
            test_preset "$preset" "${filter[@]}" --no-tests=ignore "${ctest_options[@]}"
            test_services "$preset" --no-tests=ignore "${ctest_options[@]}"
        else
            test_preset "$preset" "${filter[@]}" --no-tests=error
            test_services "$preset" --no-tests=error
        fi
    done
    [[ $gate != yes ]] || run_check "the README's tour" "$root/tests/e2e/readme-tour"
    [[ $gate != yes ]] || run_check "the API's tour" "$root/tests/e2e/api-tour"
    [[ $gate != yes ]] || run_check "Prometheus' tour" "$root/tests/e2e/prometheus-tour"
    [[ $docker != yes ]] || run_docker_stack
    passed=$((passed + checks_passed))
    failed=$((failed + checks_failed))
}
