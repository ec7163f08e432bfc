# ./dev lint: every check that reads the sources instead of running them.
# shellcheck shell=bash
# shellcheck source=packages.sh
source "$here/packages.sh"

readonly tidy_dir=$root/build/tidy

check_format() {
    "$root/tests/lint/sources.py" cpp |
        (cd "$root" && xargs -0 -r clang-format-14 --dry-run -Werror --ferror-limit=5)
}

check_shell() {
    "$root/tests/lint/sources.py" shell | (cd "$root" && xargs -0 -r shellcheck --external-sources)
}

check_yaml() {
    "$root/tests/lint/sources.py" yaml | (cd "$root" && xargs -0 -r yamllint --strict -c .yamllint.yml)
}

# A GCC precompiled header means nothing to clang-tidy, hence a configuration of its own.
configure_tidy() {
    step "configuring build/tidy"
    cmake -S "$root" -B "$tidy_dir" -G Ninja -DCMAKE_BUILD_TYPE=Debug \
        -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON \
        -DCCACHE_PROGRAM=OFF >"$local_dir/tidy.log" 2>&1 || {
        cat "$local_dir/tidy.log" >&2
        return 1
    }
}

# check_tidy [FILE...]: all compiled files, or the given ones.
check_tidy() {
    mkdir -p "$local_dir"
    configure_tidy || return 1
    local files=("$@")
    ((${#files[@]} > 0)) || mapfile -t files < <(python3 -c '
import json, sys
for entry in json.load(open(sys.argv[1])):
    print(entry["file"])' "$tidy_dir/compile_commands.json" | grep "^$root/\(libs\|services\|tests\)/" | sort -u)
    step "clang-tidy on ${#files[@]} files"
    printf '%s\0' "${files[@]}" |
        xargs -0 -r -n 1 -P "$(nproc)" clang-tidy-14 -p "$tidy_dir" --quiet 2> >(
            grep -v 'warnings\? generated\.$' >&2
        )
}

# Runs one check, shows what it says only when it fails, and counts.
checks_passed=0
checks_failed=0
run_check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        checks_passed=$((checks_passed + 1))
        step "check $name: passed"
    else
        checks_failed=$((checks_failed + 1))
        head -n 100 <<<"$output"
        step "check $name: FAILED"
    fi
}

run_all_checks() {
    local name
    run_check format check_format
    run_check shell check_shell
    run_check yaml check_yaml
    for name in selftest coroutines layers words file-size sleeps test-names; do
        run_check "$name" "$root/tests/lint/$name"
    done
}

command_lint() {
    ensure_check_packages
    if [[ ${1:-} == --tidy ]]; then
        shift
        run_check tidy check_tidy "$@"
    else
        (($# == 0)) || usage_error "lint: unknown argument $1"
        run_all_checks
    fi
    printf '%d passed, %d failed\n' "$checks_passed" "$checks_failed"
    ((checks_failed == 0))
}
