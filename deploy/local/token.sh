# ./dev token: an access token that the running API accepts.
# shellcheck shell=bash
# shellcheck source=environment.sh
source "$here/environment.sh"

# The caller's secret, else the one the API was started with, else the kept one.
choose_secret() {
    local asked=${JWT_SECRET_CURRENT:-}
    load_running || true
    [[ -z $asked ]] || JWT_SECRET_CURRENT=$asked
    [[ -n ${JWT_SECRET_CURRENT:-} ]] || unset JWT_SECRET_CURRENT
    export_secrets
    export JWT_SECRET_CURRENT PRIVACY_HMAC_KEY
    export DATABASE_URL=${DATABASE_URL:-postgresql:///subcults}
}

command_token() {
    local api=$root/build/release/bin/subcults-api
    [[ -x $api ]] || die "there is no $api yet: run ./dev build"
    choose_secret
    exec "$api" token "$@"
}
