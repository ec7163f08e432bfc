-- compatible_from: 2
-- Live sessions, who takes part in them, the audit chain, and retries of requests.
--
-- No foreign keys to stream_sessions from the tables beside it: each would lock the hottest row of
-- the system once more per join. The ledger writes all of them in one transaction.

-- fillfactor leaves room for HOT updates, and no index covers a column that a join changes.
CREATE TABLE stream_sessions (
    id              uuid        PRIMARY KEY,
    room_name       text        COLLATE "C" NOT NULL,
    host_did        text        COLLATE "C" NOT NULL,
    scene_id        uuid,
    event_id        uuid,
    started_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    is_locked       boolean     NOT NULL DEFAULT false,
    join_count      bigint      NOT NULL DEFAULT 0 CHECK (join_count >= 0),
    leave_count     bigint      NOT NULL DEFAULT 0 CHECK (leave_count >= 0),
    active_count    bigint      NOT NULL DEFAULT 0 CHECK (active_count >= 0),
    -- Head of the session's audit chain: the ledger holds this row's lock when it extends it.
    head_seq        bigint      NOT NULL DEFAULT 0,
    head_hash       bytea       NOT NULL DEFAULT '',
    head_at         timestamptz NOT NULL,
    -- Which privacy key the session's participant ids are derived with.
    kid             bigint      NOT NULL,
    CHECK (num_nonnulls(scene_id, event_id) = 1)
) WITH (fillfactor = 50);
CREATE INDEX stream_sessions_active ON stream_sessions (started_at DESC, id DESC)
    WHERE ended_at IS NULL;
CREATE INDEX stream_sessions_ended ON stream_sessions (started_at DESC, id DESC)
    WHERE ended_at IS NOT NULL;

-- At most one active session per scene or event, and unique room names: tables of their own,
-- because a distributed stream_sessions can hold no unique index but its key.
CREATE TABLE active_streams (
    subject_id  uuid PRIMARY KEY,
    session_id  uuid NOT NULL
);
CREATE TABLE stream_rooms (
    room_name   text COLLATE "C" PRIMARY KEY,
    session_id  uuid NOT NULL
);

-- One row per participant and session. participant_id is a keyed hash of session and DID.
CREATE TABLE stream_participants (
    stream_session_id  uuid        NOT NULL,
    participant_id     text        COLLATE "C" NOT NULL,
    first_joined_at    timestamptz NOT NULL,
    joined_at          timestamptz NOT NULL,
    left_at            timestamptz,
    reconnection_count bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (stream_session_id, participant_id)
) WITH (fillfactor = 80);

-- Append-only, one chain per entity: hash = HMAC over the fields and the previous hash. The actor
-- is a keyed hash; the chain covers a commitment to it (actor and nonce), so that both columns can
-- be emptied to erase a person without breaking the chain.
CREATE TABLE audit_logs (
    entity_id    uuid        NOT NULL,
    seq          bigint      NOT NULL,
    entity_type  text        COLLATE "C" NOT NULL,
    action       text        COLLATE "C" NOT NULL,
    outcome      text        COLLATE "C" NOT NULL,
    actor        bytea,
    nonce        bytea,
    commitment   bytea       NOT NULL,
    request_id   text        COLLATE "C" NOT NULL,
    created_at   timestamptz NOT NULL,
    kid          bigint      NOT NULL,
    hash         bytea       NOT NULL,
    PRIMARY KEY (entity_id, seq)
);

-- First answers to requests that carried an Idempotency-Key. Both hashes are keyed. The body of
-- the answer is rebuilt from the session and the number kept here.
CREATE TABLE idempotency_keys (
    stream_session_id  uuid        NOT NULL,
    key_hash           bytea       NOT NULL,
    request_hash       bytea       NOT NULL,
    answer_count       bigint      NOT NULL,
    created_at         timestamptz NOT NULL,
    PRIMARY KEY (stream_session_id, key_hash)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
