-- compatible_from: 5
-- Background jobs: one row per type, which is its schedule, its lease and its last result at once.
--
-- A run is a lease on the row until leased_until, by the database's clock; NULL = nobody runs it.
-- epoch is the number of the newest run and the fence of its writes: a transaction of a run locks
-- the row FOR KEY SHARE and checks epoch. Keeping and ending a lease are updates that do not touch
-- the key, so they pass by such a lock; taking one is FOR UPDATE, which does not. So the next run
-- begins only when no transaction of the one before is under way, and then none can commit any more.
CREATE TABLE background_jobs (
    job_type          text        COLLATE "C" PRIMARY KEY,
    epoch             bigint      NOT NULL DEFAULT 0,
    holder            text        NOT NULL DEFAULT '',
    leased_until      timestamptz,
    -- An operator wants a run, or there was a change while one was under way: now, or as soon as
    -- the present run is over.
    requested_at      timestamptz,
    notified_at       timestamptz,
    -- NULL = only on request.
    next_run_at       timestamptz,
    started_at        timestamptz,
    finished_at       timestamptz,
    -- cancelled = ended by the shutdown of its process; it counts neither as a run nor as a failure.
    result            text        COLLATE "C" CHECK (result IN ('success', 'failure', 'cancelled')),
    error_type        text        COLLATE "C",
    error             text,
    duration_seconds  double precision,
    last_success_at   timestamptz,
    runs              bigint      NOT NULL DEFAULT 0,
    failures          bigint      NOT NULL DEFAULT 0,
    failures_in_a_row bigint      NOT NULL DEFAULT 0,
    -- Runs whose process died or hung, so that another one took the lease over.
    takeovers         bigint      NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON COLUMN background_jobs.epoch IS 'Number of the newest run; only it may write';
COMMENT ON COLUMN background_jobs.error IS 'Of the last run that failed: what failed first, without data';
