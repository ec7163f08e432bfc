-- compatible_from: 2
-- What records mean: posts, alliances and memberships beside the scenes and events; the accounts
-- that write here; which scenes' trust has to be computed anew.
--
-- As with scenes: id = UUIDv5 of the record's own at-uri in the URL namespace, a deleted record
-- stays as a row without content that keeps its rev, and nothing but id is unique (two memberships
-- of one person are two records, not a fault). References are kept twice: as the at-uri that was
-- written, and as the UUIDv5 of it when it names a record of the right kind by DID. There are no
-- foreign keys: records arrive in any order, and a reference is resolved when it is read.

ALTER TABLE events ADD COLUMN scene_uri text COLLATE "C";
COMMENT ON COLUMN events.scene_uri IS 'As written; scene_id is NULL when it names no scene by DID';
CREATE INDEX events_author ON events (author_did) WHERE deleted_at IS NULL;

CREATE TABLE posts (
    id           uuid        PRIMARY KEY,
    uri          text        COLLATE "C" NOT NULL,
    author_did   text        COLLATE "C" NOT NULL,
    rev          text        COLLATE "C" NOT NULL,
    scene_uri    text        COLLATE "C",
    scene_id     uuid,
    event_uri    text        COLLATE "C",
    event_id     uuid,
    text         text        NOT NULL,
    attachments  jsonb       NOT NULL DEFAULT '[]',
    labels       jsonb       NOT NULL DEFAULT '[]',
    created_at   timestamptz,
    indexed_at   timestamptz NOT NULL DEFAULT now(),
    deleted_at   timestamptz
);
CREATE INDEX posts_scene ON posts (scene_id, created_at) WHERE deleted_at IS NULL;
CREATE INDEX posts_event ON posts (event_id, created_at) WHERE deleted_at IS NULL;
CREATE INDEX posts_author ON posts (author_did) WHERE deleted_at IS NULL;

-- Weights are percent. Anybody may write a record about anybody's scene, so `authoritative` says
-- whether it lives in the repository of the scene's owner, which is the DID in the scene's own
-- address. It depends on nothing but the row, so that it holds before the scene has arrived.
CREATE TABLE alliances (
    id              uuid        PRIMARY KEY,
    uri             text        COLLATE "C" NOT NULL,
    author_did      text        COLLATE "C" NOT NULL,
    rev             text        COLLATE "C" NOT NULL,
    from_scene_uri  text        COLLATE "C",
    from_scene_id   uuid,
    to_scene_uri    text        COLLATE "C",
    to_scene_id     uuid,
    weight          int         NOT NULL DEFAULT 0 CHECK (weight BETWEEN 0 AND 100),
    status          text        NOT NULL DEFAULT '',
    reason          text,
    since           timestamptz,
    created_at      timestamptz,
    indexed_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    authoritative   boolean     NOT NULL GENERATED ALWAYS AS
        (coalesce(from_scene_id IS NOT NULL AND split_part(from_scene_uri, '/', 3) = author_did,
                  false)) STORED
);
CREATE INDEX alliances_from ON alliances (from_scene_id) WHERE deleted_at IS NULL;
CREATE INDEX alliances_to ON alliances (to_scene_id) WHERE deleted_at IS NULL;
CREATE INDEX alliances_author ON alliances (author_did) WHERE deleted_at IS NULL;

CREATE TABLE memberships (
    id             uuid        PRIMARY KEY,
    uri            text        COLLATE "C" NOT NULL,
    author_did     text        COLLATE "C" NOT NULL,
    rev            text        COLLATE "C" NOT NULL,
    scene_uri      text        COLLATE "C",
    scene_id       uuid,
    member_did     text        COLLATE "C",
    role           text        NOT NULL DEFAULT '',
    status         text        NOT NULL DEFAULT '',
    weight         int         NOT NULL DEFAULT 0 CHECK (weight BETWEEN 0 AND 100),
    since          timestamptz,
    created_at     timestamptz,
    indexed_at     timestamptz NOT NULL DEFAULT now(),
    deleted_at     timestamptz,
    authoritative  boolean     NOT NULL GENERATED ALWAYS AS
        (coalesce(scene_id IS NOT NULL AND split_part(scene_uri, '/', 3) = author_did, false))
        STORED
);
CREATE INDEX memberships_scene ON memberships (scene_id) WHERE deleted_at IS NULL;
CREATE INDEX memberships_member ON memberships (member_did) WHERE deleted_at IS NULL;
CREATE INDEX memberships_author ON memberships (author_did) WHERE deleted_at IS NULL;

-- Every account that has written here, from its first record on; nobody else's. since_us is when
-- that record was seen: what the network said of the account before is not known here, and a
-- replay must not add it. handle NULL = to be resolved. status is of inactive accounts.
-- seq and us of both kinds are the relay's number and Jetstream's stamp of the event they are
-- from, and guard them against older ones. What was written up to purged_us is gone for good.
CREATE TABLE accounts (
    did          text        COLLATE "C" PRIMARY KEY,
    since_us     bigint      NOT NULL,
    handle       text        COLLATE "C",
    handle_seq   bigint,
    handle_us    bigint,
    active       boolean     NOT NULL DEFAULT true,
    status       text,
    account_seq  bigint,
    account_us   bigint,
    purged_us    bigint,
    purged_rev   text        COLLATE "C",
    updated_at   timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 90);
CREATE INDEX accounts_handle ON accounts (handle) WHERE handle IS NOT NULL;

INSERT INTO accounts (did, since_us, active, status)
    SELECT r.did, r.since_us, h.did IS NULL, h.status
    FROM (SELECT did, min(time_us) AS since_us FROM records GROUP BY did) r
    LEFT JOIN hidden_accounts h USING (did);

-- Scenes whose trust score may have changed. generation rises with every mark: whoever computes
-- deletes a row only if it is still the generation that was read. marked_by tells the marks of one
-- transaction apart from those of the next, so that one transaction marks a scene once.
CREATE TABLE trust_dirty (
    scene_id    uuid        PRIMARY KEY,
    generation  bigint      NOT NULL,
    marked_at   timestamptz NOT NULL,
    marked_by   xid8        NOT NULL
) WITH (fillfactor = 70);

-- What an event was about, so that it can be found; without an index, because nothing may keep an
-- event with an oversize key out of here. raw is NULL where the bytes must not be kept:
-- then fingerprint and path are all there is.
ALTER TABLE quarantined_events
    ADD COLUMN collection text COLLATE "C",
    ADD COLUMN rkey text COLLATE "C",
    ADD COLUMN rev text COLLATE "C";

CREATE VIEW visible_events AS
    SELECT e.* FROM events e
    WHERE e.deleted_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM hidden_accounts h WHERE h.did = e.author_did);
CREATE VIEW visible_posts AS
    SELECT p.* FROM posts p
    WHERE p.deleted_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM hidden_accounts h WHERE h.did = p.author_did);
CREATE VIEW visible_alliances AS
    SELECT a.* FROM alliances a
    WHERE a.deleted_at IS NULL AND a.authoritative
      AND NOT EXISTS (SELECT 1 FROM hidden_accounts h WHERE h.did = a.author_did);
CREATE VIEW visible_memberships AS
    SELECT m.* FROM memberships m
    WHERE m.deleted_at IS NULL AND m.authoritative
      AND NOT EXISTS (SELECT 1 FROM hidden_accounts h WHERE h.did = m.author_did);
