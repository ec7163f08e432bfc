# The variables the services of `./dev up` get: the caller's where set, otherwise ours.
# shellcheck shell=bash

secret_names=(JWT_SECRET_CURRENT PRIVACY_HMAC_KEY INTERNAL_AUTH_TOKEN)
secrets_file=$local_dir/env
running_file=$run_dir/environment # what the running services were started with
kept_names=("${secret_names[@]}" API_LISTEN INDEXER_LISTEN SIM_LISTEN JETSTREAM_URL
    DATABASE_URL METRICS_AUTH_TOKEN)

random_secret() { head -c 48 /dev/urandom | base64 -w 0 | tr '+/' '-_'; }

# Generated once and kept, so that tokens and pseudonyms outlive a restart.
make_secrets() {
    local name
    mkdir -p "$local_dir"
    (
        umask 077
        touch "$secrets_file"
        for name in "${secret_names[@]}"; do
            grep -q "^$name=" "$secrets_file" ||
                printf '%s=%s\n' "$name" "$(random_secret)" >>"$secrets_file"
        done
    )
    chmod 600 "$secrets_file"
}

# An empty INTERNAL_AUTH_TOKEN in the caller's environment is a wish (open), not an absence.
export_secrets() {
    local name value
    make_secrets
    while IFS='=' read -r name value; do
        [[ " ${secret_names[*]} " == *" $name "* ]] || continue
        [[ -n ${!name+set} ]] || export "$name=$value"
    done <"$secrets_file"
}

# shellcheck disable=SC2034 # use_sim is read by up.sh
export_defaults() {
    export_secrets
    export API_LISTEN=${API_LISTEN:-127.0.0.1:8080}
    export INDEXER_LISTEN=${INDEXER_LISTEN:-127.0.0.1:9090}
    SIM_LISTEN=${SIM_LISTEN:-127.0.0.1:6008}
    use_sim=no
    if [[ -z ${JETSTREAM_URL:-} ]]; then
        use_sim=yes
        JETSTREAM_URL=ws://$(reachable "$SIM_LISTEN")/subscribe
        export JETSTREAM_URL
    fi
}

# Where a client on this machine reaches a listener: 0.0.0.0 and [::] are no destinations.
reachable() {
    local host=${1%:*} port=${1##*:}
    case $host in
        0.0.0.0 | '' | '*') host=127.0.0.1 ;;
        '[::]' | '::') host='[::1]' ;;
    esac
    printf '%s:%s' "$host" "$port"
}

save_running() {
    local name
    (
        umask 077
        for name in "${kept_names[@]}"; do
            [[ -z ${!name+set} ]] || printf '%s=%q\n' "$name" "${!name}"
        done >"$running_file"
    )
}

# Sets the variables of the running services in this shell.
load_running() {
    [[ -f $running_file ]] || return 1
    local name
    for name in "${kept_names[@]}"; do unset "$name"; done
    # shellcheck disable=SC1090 # written by save_running
    source "$running_file"
}
