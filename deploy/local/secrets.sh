# ./dev secrets: .env for docker compose, and the two files that Prometheus reads its tokens from.
# What is there stays: a secret that changes by itself locks everybody out.
# shellcheck shell=bash
# shellcheck source=environment.sh
source "$here/environment.sh"

compose_secrets=(POSTGRES_PASSWORD JWT_SECRET_CURRENT PRIVACY_HMAC_KEY INTERNAL_AUTH_TOKEN
    METRICS_AUTH_TOKEN LIVEKIT_API_SECRET GRAFANA_PASSWORD)

# The last line that sets a name counts, and quotes around a value do not, as for docker compose.
env_value() {
    sed -n "s/^$1=//p" "$root/.env" | tail -n 1 | sed -e 's/^"\(.*\)"$/\1/' -e "s/^'\(.*\)'$/\1/"
}

add_to_env() {
    grep -q "^$1=" "$root/.env" || printf '%s=%s\n' "$1" "$2" >>"$root/.env"
}

# Written into the file that is there: a running Prometheus has that very file mounted, and would go on
# reading it if another took its name. Without a line break at the end: Prometheus trims it, other
# readers may not.
write_token_file() {
    local file=$local_dir/secrets/$1
    printf '%s' "$(env_value "$2")" >"$file"
    # The folder is closed to others; the file itself is read by the container's own user.
    chmod 644 "$file"
}

command_secrets() {
    (($# == 0)) || usage_error "secrets: unknown argument $1"
    local name
    umask 077
    mkdir -p "$local_dir/secrets"
    chmod 700 "$local_dir/secrets"
    touch "$root/.env"
    chmod 600 "$root/.env"
    for name in "${compose_secrets[@]}"; do
        add_to_env "$name" "$(random_secret)"
    done
    add_to_env LIVEKIT_API_KEY subcults
    # A name that clients and the API's container both resolve; see docs/operations.md.
    add_to_env LIVEKIT_URL ws://livekit:7880
    write_token_file metrics_auth_token METRICS_AUTH_TOKEN
    write_token_file internal_auth_token INTERNAL_AUTH_TOKEN
    note "secrets are in .env; docker compose up -d --build starts everything"
}
