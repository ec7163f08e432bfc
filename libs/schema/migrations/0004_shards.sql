-- compatible_from: 4
-- Who writes which part of the network. One row per shard holds what used to lie in every cursor:
-- the epoch that fences writers, and the batch id that tells whether a commit happened whose answer
-- was lost. Every transaction of a writer updates its shard's row first: a writer that has been
-- replaced fails there, and a new one waits there for whatever the old one still has in flight.

CREATE TABLE indexer_shards (
    consumer      text        COLLATE "C" NOT NULL,
    shard         int         NOT NULL,
    epoch         bigint      NOT NULL,
    holder        text        NOT NULL,
    batch_id      uuid,
    heartbeat_at  timestamptz NOT NULL,
    PRIMARY KEY (consumer, shard)
) WITH (fillfactor = 50);
COMMENT ON COLUMN indexer_shards.epoch IS 'Rises whenever a process takes the shard; only the newest may write';
COMMENT ON COLUMN indexer_shards.heartbeat_at IS 'The holder''s last sign of life; a silent one is replaced';

-- Into how many shards a consumer divides the accounts. A process that is configured otherwise
-- refuses to start, because two layouts at once would give accounts two writers or none.
CREATE TABLE indexer_layouts (
    consumer    text        COLLATE "C" PRIMARY KEY,
    shards      int         NOT NULL CHECK (shards BETWEEN 1 AND 1024),
    generation  bigint      NOT NULL DEFAULT 1,
    changed_at  timestamptz NOT NULL DEFAULT now()
);

INSERT INTO indexer_shards (consumer, shard, epoch, holder, batch_id, heartbeat_at)
    SELECT consumer, shard, max(epoch), '', NULL, now() FROM jetstream_cursors
    GROUP BY consumer, shard;
INSERT INTO indexer_layouts (consumer, shards)
    SELECT consumer, max(shard) + 1 FROM jetstream_cursors GROUP BY consumer;

ALTER TABLE jetstream_cursors DROP COLUMN epoch, DROP COLUMN batch_id;
