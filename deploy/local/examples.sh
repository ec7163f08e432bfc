# What `./dev up` prints when it is done: where everything is, and lines to paste.
# shellcheck shell=bash

# A scene without a running stream and its owner, as `ID DID`. What a DID looks like is checked,
# because with a real Jetstream it comes from strangers and is about to be pasted into a shell.
find_scene() {
    local row
    row=$(clean_psql -Atd "$DATABASE_URL" -F ' ' -c "
        SELECT s.id, s.owner_did FROM scenes s
        WHERE s.deleted_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM stream_sessions t WHERE t.scene_id = s.id AND t.ended_at IS NULL)
        ORDER BY s.id LIMIT 1" 2>/dev/null) || return 1
    [[ $row =~ ^[0-9a-f-]{36}\ did:[a-z]+:[A-Za-z0-9._:%-]+$ ]] || return 1
    read -r scene_id owner_did <<<"$row"
}

# Pasted lines carry secrets only where a service asks for them.
header_if() { [[ -z $2 ]] || printf " -H '%s%s'" "$1" "$2"; }

print_examples() {
    local api indexer dev scene_id=SCENE_ID owner_did=OWNER_DID patience=0
    api=http://$(reachable "$API_LISTEN")
    indexer=http://$(reachable "$INDEXER_LISTEN")
    printf -v dev '%q' "$root/dev"
    is_dead jetstream-sim || patience=10 # the sample makes scenes, but not before it is asked
    wait_until "$patience" find_scene || note "no scene is indexed yet: fill in SCENE_ID and OWNER_DID"
    cat <<TEXT

  API        $api
  indexer    $indexer
  Jetstream  $JETSTREAM_URL
  database   $DATABASE_URL   ($dev psql)
  logs       $log_dir

# A token for the owner of a scene, then a stream in it:
TOKEN=\$($dev token --did $owner_did)
curl -s $api/streams -H "Authorization: Bearer \$TOKEN"
STREAM=\$(curl -s -X POST $api/streams -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application/json' -d '{"scene_id":"$scene_id"}' | tee /dev/stderr | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
curl -s -X POST $api/streams/\$STREAM/join -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application/json' -d "{\"token_issued_at\":\"\$(date -u +%FT%TZ)\"}"
curl -s -X POST $api/streams/\$STREAM/leave -H "Authorization: Bearer \$TOKEN"

# Metrics of both services:
curl -s $api/metrics$(header_if 'Authorization: Bearer ' "${METRICS_AUTH_TOKEN:-}")
curl -s $indexer/internal/indexer/metrics$(header_if 'X-Internal-Token: ' "${INTERNAL_AUTH_TOKEN:-}")

TEXT
}
