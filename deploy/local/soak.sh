# ./dev soak: the crash oracles of the indexer and of sessions for as long as one likes.
# shellcheck shell=bash
# shellcheck source=build.sh
source "$here/build.sh"

command_soak() {
    local minutes='' seed='' oracles=() targets=() name failed=0
    while (($# > 0)); do
        case $1 in
            --minutes)
                minutes=$(value_of "$@")
                [[ $minutes =~ ^[1-9][0-9]*$ ]] || usage_error "--minutes wants a whole number"
                shift 2
                ;;
            --seed)
                seed=$(value_of "$@")
                [[ $seed =~ ^[0-9]+$ ]] || usage_error "--seed wants a whole number"
                shift 2
                ;;
            indexer | api)
                oracles+=("$1")
                shift
                ;;
            *) usage_error "soak: unknown argument $1" ;;
        esac
    done
    [[ -n $minutes ]] || usage_error "soak needs --minutes N"
    ((${#oracles[@]} > 0)) || oracles=(indexer api)
    # Another world each time; the one that failed is played again with its seed.
    [[ -n $seed ]] || seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
    for name in "${oracles[@]}"; do
        targets+=("integration_${name}_oracle")
    done
    ensure_packages
    build_preset release "${targets[@]}" || exit 1
    ulimit -c 0
    export SUBCULTS_SOAK_MINUTES=$minutes SUBCULTS_SEED=$seed
    # One after the other: each has deadlines that a loaded machine would miss.
    for name in "${oracles[@]}"; do
        step "soaking the $name for $minutes minutes"
        note "the same again: ./dev soak --minutes $minutes --seed $seed $name"
        "$root/build/release/bin/integration_${name}_oracle" || failed=1
    done
    return "$failed"
}
