-- compatible_from: 5
-- Backfills: stretches of the network's history that an indexer reads again, beside the live stream,
-- into the same tables. A row is the order and its progress; the live cursors know nothing of it.
--
-- Who works on a row holds the lease of the job index_backfill (background_jobs), and writes here
-- only in transactions behind that lease. position_us commits together with the rows it covers.
CREATE TABLE index_backfills (
    id               bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer         text             COLLATE "C" NOT NULL,
    source           text             COLLATE "C" NOT NULL CHECK (source = 'jetstream'),
    -- Unix microseconds by the server's stamps, both ends included.
    from_us          bigint           NOT NULL,
    to_us            bigint           NOT NULL,
    status           text             COLLATE "C" NOT NULL DEFAULT 'waiting'
                     CHECK (status IN ('waiting', 'running', 'completed', 'cancelled')),
    host             text             COLLATE "C",
    position_us      bigint,
    oldest_us        bigint,
    written_us       bigint,
    events           bigint           NOT NULL DEFAULT 0,
    rows_changed     bigint           NOT NULL DEFAULT 0,
    set_aside        bigint           NOT NULL DEFAULT 0,
    missing_seconds  double precision NOT NULL DEFAULT 0,
    runs             bigint           NOT NULL DEFAULT 0,
    requested_at     timestamptz      NOT NULL DEFAULT now(),
    started_at       timestamptz,
    updated_at       timestamptz      NOT NULL DEFAULT now(),
    finished_at      timestamptz,
    CHECK (from_us < to_us)
) WITH (fillfactor = 50);
CREATE INDEX index_backfills_open ON index_backfills (consumer, id)
    WHERE status IN ('waiting', 'running');
COMMENT ON COLUMN index_backfills.host IS 'The server that position_us was read from';
COMMENT ON COLUMN index_backfills.oldest_us IS 'Stamp of the first event that a server still had';
COMMENT ON COLUMN index_backfills.written_us IS 'When records were last written, by our clock: states of accounts are read on until then';
COMMENT ON COLUMN index_backfills.events IS 'Written or set aside, those that came again included';
COMMENT ON COLUMN index_backfills.missing_seconds IS 'Stretches that no server had any more while it was under way';
