# ./dev fuzz: runs the libFuzzer targets for a while each; what they learn is kept in .local/fuzz.
# shellcheck shell=bash
# shellcheck source=build.sh
source "$here/build.sh"
# shellcheck source=sanitizers.sh
source "$here/sanitizers.sh"

# fuzz_target EXECUTABLE SECONDS: a corpus of ours that grows, seeds and a dictionary that are given.
fuzz_target() {
    local name corpus options=()
    name=$(basename "$1")
    corpus=$local_dir/fuzz/$name
    mkdir -p "$corpus/corpus" "$corpus/findings"
    [[ ! -f $root/tests/fuzz/$name.dict ]] || options+=("-dict=$root/tests/fuzz/$name.dict")
    options+=("-max_total_time=$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1)
    options+=("-artifact_prefix=$corpus/findings/" "$corpus/corpus")
    [[ ! -d $root/tests/fuzz/corpus/$name ]] || options+=("$root/tests/fuzz/corpus/$name")
    step "fuzzing $name for ${2}s"
    if in_sanitizer_mode "$1" "${options[@]}" >"$corpus/log" 2>&1; then
        awk '/^stat::/ { sub(/^stat::/, "  "); print }' "$corpus/log" >&2
    else
        tail -n 60 "$corpus/log" >&2
        note "$name failed; the input is in ${corpus#"$root/"}/findings"
        return 1
    fi
}

command_fuzz() {
    local seconds=60 wanted=() name failed=0 executables=()
    while (($# > 0)); do
        case $1 in
            --seconds)
                seconds=$(value_of "$@")
                [[ $seconds =~ ^[1-9][0-9]*$ ]] || usage_error "--seconds wants a whole number"
                shift 2
                ;;
            -*) usage_error "fuzz: unknown option $1" ;;
            *)
                wanted+=("fuzz_${1#fuzz_}")
                shift
                ;;
        esac
    done
    ensure_packages
    build_preset fuzz "${wanted[@]:-fuzzers}" || exit 1
    if ((${#wanted[@]} > 0)); then
        executables=("${wanted[@]/#/$root/build/fuzz/bin/}")
    else
        executables=("$root"/build/fuzz/bin/fuzz_*)
    fi
    for name in "${executables[@]}"; do
        [[ -x $name ]] || die "there is no fuzz target $(basename "$name")"
        fuzz_target "$name" "$seconds" || failed=$((failed + 1))
    done
    printf '%d fuzz targets, %d failed\n' "${#executables[@]}" "$failed"
    ((failed == 0))
}
