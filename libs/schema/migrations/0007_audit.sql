-- compatible_from: 5
-- Audit chains of more than sessions, whom an action was about, and signed checkpoints.

-- version 1 covers no target. Entries of version 2 cover a commitment to theirs, so that target and
-- target_nonce can be emptied like actor and nonce.
ALTER TABLE audit_logs
    ADD COLUMN version           int   NOT NULL DEFAULT 1,
    ADD COLUMN target            bytea,
    ADD COLUMN target_nonce      bytea,
    ADD COLUMN target_commitment bytea;
-- For erasing a person: entries with a target are few.
CREATE INDEX audit_logs_target ON audit_logs (entity_id, seq) WHERE target IS NOT NULL;

-- Heads of the chains of everything but sessions, which keep theirs in their own row. A row is made
-- on first use and locked by whoever extends its chain.
CREATE TABLE audit_heads (
    entity_id    uuid        PRIMARY KEY,
    entity_type  text        COLLATE "C" NOT NULL,
    head_seq     bigint      NOT NULL DEFAULT 0,
    head_hash    bytea       NOT NULL DEFAULT '',
    head_at      timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX audit_heads_of_type ON audit_heads (entity_type, entity_id);

-- Each checkpoint covers the heads that have moved since the one before: root = hash of
-- previous_root and the Merkle root of those heads. The same line is exported to the log and to a
-- file, which is what shows that the whole database was set back.
CREATE TABLE audit_checkpoints (
    number         bigint      PRIMARY KEY,
    at             timestamptz NOT NULL,
    heads          bigint      NOT NULL,
    root           bytea       NOT NULL,
    previous_root  bytea       NOT NULL,
    kid            bigint      NOT NULL,
    signature      bytea       NOT NULL
);
CREATE TABLE audit_checkpoint_heads (
    entity_id  uuid   NOT NULL,
    seq        bigint NOT NULL,
    number     bigint NOT NULL,
    hash       bytea  NOT NULL,
    -- With the number: a row that somebody put there stands in no checkpoint's way.
    PRIMARY KEY (entity_id, seq, number)
);
CREATE INDEX audit_checkpoint_heads_of ON audit_checkpoint_heads (number, entity_id);
