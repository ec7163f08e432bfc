# ./dev status: what is up, and where.
# shellcheck shell=bash
# shellcheck source=processes.sh
source "$here/processes.sh"
# shellcheck source=environment.sh
source "$here/environment.sh"

# NAME URL: the URL when the process lives
url_of() { is_dead "$1" || printf '%s' "$2"; }

collect_status() {
    api_pid=$(pid_of subcults-api) || true
    indexer_pid=$(pid_of subcults-indexer) || true
    sim_pid=$(pid_of jetstream-sim) || true
    postgres_pid=$("$here/private-postgres" pid "$postgres_dir" 2>/dev/null) || true
    api_url='' indexer_url='' jetstream_url='' database_url='' internal_token=''
    load_running || true
    [[ -z $api_pid ]] || api_url=http://$(reachable "$API_LISTEN")
    [[ -z $indexer_pid ]] || indexer_url=http://$(reachable "$INDEXER_LISTEN")
    [[ -z $sim_pid$indexer_pid ]] || jetstream_url=${JETSTREAM_URL:-}
    [[ -z $api_pid$indexer_pid ]] || internal_token=${INTERNAL_AUTH_TOKEN:-}
    [[ -z $postgres_pid ]] ||
        database_url=$("$here/private-postgres" url "$postgres_dir" subcults 2>/dev/null) || true
}

print_json() {
    python3 - "$api_url" "$indexer_url" "$jetstream_url" "$database_url" "$internal_token" \
        "$api_pid" "$indexer_pid" "$sim_pid" "$postgres_pid" "$log_dir" <<'PYTHON'
import json
import sys

text = [value or None for value in sys.argv[1:6]]
pids = [int(value) if value else None for value in sys.argv[6:10]]
print(json.dumps({
    "api_url": text[0],
    "indexer_url": text[1],
    "jetstream_url": text[2],
    "database_url": text[3],
    "internal_token": text[4],
    "pids": dict(zip(("api", "indexer", "jetstream_sim", "postgres"), pids)),
    "logs": sys.argv[10],
}))
PYTHON
}

print_table() {
    local format='%-14s %-8s %s\n'
    # shellcheck disable=SC2059 # the format is ours
    {
        printf "$format" api "${api_pid:--}" "${api_url:-down}"
        printf "$format" indexer "${indexer_pid:--}" "${indexer_url:-down}"
        printf "$format" jetstream-sim "${sim_pid:--}" "${jetstream_url:-down}"
        printf "$format" postgres "${postgres_pid:--}" "${database_url:-down}"
        printf "$format" logs '' "${log_dir#"$root/"}"
    }
}

command_status() {
    local print=print_table
    case ${1:-} in
        '') ;;
        --json) print=print_json ;;
        *) usage_error "status: unknown option $1" ;;
    esac
    collect_status
    "$print"
    [[ -n $api_pid$indexer_pid$sim_pid$postgres_pid ]]
}
