-- compatible_from: 1
-- What the indexer keeps of the network: records, accounts, scenes and events, its cursor, and what
-- it had to set aside.
--
-- Identifiers compare as bytes (COLLATE "C"): AT Protocol defines their order that way, and it is
-- the cheapest one. Every key starts with what the table would be distributed by.

-- Every wanted record, newest revision only. A deletion leaves a tombstone (record IS NULL) that
-- keeps its rev, so that a replayed older write cannot bring the record back.
CREATE TABLE records (
    did         text        COLLATE "C" NOT NULL,
    collection  text        COLLATE "C" NOT NULL,
    rkey        text        COLLATE "C" NOT NULL,
    rev         text        COLLATE "C" NOT NULL,
    cid         text        COLLATE "C",
    record      jsonb,
    time_us     bigint      NOT NULL,
    indexed_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz,
    PRIMARY KEY (did, collection, rkey),
    CHECK ((record IS NULL) = (deleted_at IS NOT NULL))
) WITH (fillfactor = 90);

COMMENT ON TABLE records IS 'Newest revision of every indexed AT Protocol record; deleted ones stay as tombstones';
COMMENT ON COLUMN records.time_us IS 'When Jetstream saw the revision, Unix microseconds';

-- Accounts whose content must not be shown for now (deactivated, suspended, taken down). Small, so
-- that readers can exclude by anti-join instead of every row carrying a flag.
CREATE TABLE hidden_accounts (
    did     text COLLATE "C" PRIMARY KEY,
    status  text NOT NULL,
    since   timestamptz NOT NULL DEFAULT now()
);

-- id = UUIDv5 of the at-uri in the URL namespace. A deleted scene stays as a row without content,
-- because streams and audit entries go on naming its id.
CREATE TABLE scenes (
    id              uuid        PRIMARY KEY,
    uri             text        COLLATE "C" NOT NULL,
    owner_did       text        COLLATE "C" NOT NULL,
    rev             text        COLLATE "C" NOT NULL,
    name            text        NOT NULL,
    description     text,
    tags            text[]      NOT NULL DEFAULT '{}',
    visibility      text        NOT NULL DEFAULT 'public',
    coarse_geohash  text        COLLATE "C",
    created_at      timestamptz,
    indexed_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz
);
CREATE INDEX scenes_owner ON scenes (owner_did, id);

CREATE VIEW visible_scenes AS
    SELECT s.* FROM scenes s
    WHERE s.deleted_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM hidden_accounts h WHERE h.did = s.owner_did);

-- The scene an event belongs to is an at-uri that is resolved when read: records arrive in any
-- order, and a reference may point to what is not here yet.
CREATE TABLE events (
    id          uuid        PRIMARY KEY,
    uri         text        COLLATE "C" NOT NULL,
    author_did  text        COLLATE "C" NOT NULL,
    rev         text        COLLATE "C" NOT NULL,
    scene_id    uuid,
    title       text        NOT NULL,
    description text,
    kind        text,
    status      text,
    starts_at   timestamptz,
    ends_at     timestamptz,
    created_at  timestamptz,
    indexed_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz
);
CREATE INDEX events_scene ON events (scene_id, starts_at);
COMMENT ON COLUMN events.scene_id IS 'UUIDv5 of the scene''s at-uri; the scene itself may be unknown';

-- Where each consumer stands with each server. Committed in the transaction of the rows it covers.
-- epoch fences writers: a process that lost the shard to another cannot move the cursor any more.
-- batch_id tells, after a connection broke during COMMIT, whether that commit happened.
CREATE TABLE jetstream_cursors (
    consumer    text        COLLATE "C" NOT NULL,
    host        text        COLLATE "C" NOT NULL,
    dialect     text        COLLATE "C" NOT NULL,
    shard       int         NOT NULL,
    time_us     bigint,
    seq         bigint,
    epoch       bigint      NOT NULL DEFAULT 0,
    batch_id    uuid,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, host, dialect, shard)
);

-- Frames that could not be processed, with their bytes, for inspection and retry. Bounded by the
-- writer. fingerprint = SHA-256 of the bytes: the same frame, replayed, is one row.
CREATE TABLE quarantined_events (
    fingerprint  bytea       NOT NULL,
    consumer     text        COLLATE "C" NOT NULL,
    did          text        COLLATE "C",
    time_us      bigint,
    reason       text        NOT NULL,
    path         text        NOT NULL DEFAULT '',
    detail       text        NOT NULL DEFAULT '',
    raw          bytea,
    raw_bytes    bigint      NOT NULL,
    seen         bigint      NOT NULL DEFAULT 1,
    first_seen   timestamptz NOT NULL DEFAULT now(),
    last_seen    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (fingerprint)
);
CREATE INDEX quarantined_events_did ON quarantined_events (did) WHERE did IS NOT NULL;
CREATE INDEX quarantined_events_age ON quarantined_events (last_seen);
