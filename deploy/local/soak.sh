# ./dev soak: the indexer's crash oracle for as long as one likes.
# shellcheck shell=bash
# shellcheck source=build.sh
source "$here/build.sh"

command_soak() {
    local minutes='' seed='' oracle=$root/build/release/bin/integration_indexer_oracle
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
            *) usage_error "soak: unknown argument $1" ;;
        esac
    done
    [[ -n $minutes ]] || usage_error "soak needs --minutes N"
    # Another world each time; the one that failed is played again with its seed.
    [[ -n $seed ]] || seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
    ensure_packages
    build_preset release integration_indexer_oracle || exit 1
    ulimit -c 0
    step "soaking for $minutes minutes; the same again: ./dev soak --minutes $minutes --seed $seed"
    export SUBCULTS_SOAK_MINUTES=$minutes SUBCULTS_SEED=$seed
    exec "$oracle"
}
