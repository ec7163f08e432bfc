-- compatible_from: 5
-- Hourly and daily reports: what happened in a scene, and in all of them together.

-- scene_id 00000000-0000-0000-0000-000000000000 is all sessions together, also those whose event
-- belongs to no scene that is known. A scene has a row for the periods in which it was live.
--
-- A person is somebody else in every session (participant_id), so people cannot be counted across
-- sessions. unique_participants adds up the sessions: who was in two counts twice, the true number
-- is not above it. unique_participants_at_least is the most that one session had: it is not below.
CREATE TABLE stream_reports (
    scene_id                      uuid        NOT NULL,
    period                        text        COLLATE "C" NOT NULL CHECK (period IN ('hour', 'day')),
    starts_at                     timestamptz NOT NULL,
    sessions                      bigint      NOT NULL,  -- live at some moment of it
    sessions_started              bigint      NOT NULL,
    joins                         bigint      NOT NULL,
    leaves                        bigint      NOT NULL,
    unique_participants           bigint      NOT NULL,
    unique_participants_at_least  bigint      NOT NULL,
    -- Of everybody, each moment of a person in a session once. Whole microseconds, so that sums
    -- are the same in whatever order they are added.
    listening_us                  bigint      NOT NULL,
    quality_samples               bigint      NOT NULL,
    bitrate_kbps_p50              double precision,
    bitrate_kbps_p05              double precision,
    jitter_ms_p50                 double precision,
    jitter_ms_p95                 double precision,
    packet_loss_percent_p50       double precision,
    packet_loss_percent_p95       double precision,
    audio_level_p50               double precision,
    rtt_ms_p50                    double precision,
    rtt_ms_p95                    double precision,
    mos_p50                       double precision,
    mos_p05                       double precision,
    -- When it was last found to be different, and how often that was.
    computed_at                   timestamptz NOT NULL,
    revision                      bigint      NOT NULL DEFAULT 1,
    PRIMARY KEY (scene_id, period, starts_at)
) WITH (fillfactor = 80);
-- For taking back what a period has too many.
CREATE INDEX stream_reports_of_period ON stream_reports (period, starts_at);
COMMENT ON COLUMN stream_reports.starts_at IS 'UTC; an hour or 24 hours long';
COMMENT ON COLUMN stream_reports.unique_participants IS 'Sum over sessions: an upper bound for people';
COMMENT ON COLUMN stream_reports.unique_participants_at_least IS 'Of the largest session: a lower bound';

-- Which periods have been computed, when last, and how often. Deleting a row has its period
-- computed anew by the next run.
CREATE TABLE stream_report_periods (
    period     text        COLLATE "C" NOT NULL CHECK (period IN ('hour', 'day')),
    starts_at  timestamptz NOT NULL,
    rolled_at  timestamptz NOT NULL,
    rolls      bigint      NOT NULL DEFAULT 1,
    PRIMARY KEY (period, starts_at)
) WITH (fillfactor = 80);

-- How many entries of an audit chain are from before a moment; `head` is the seq of its last one.
-- Times rise with seq, so this takes some twenty look-ups by key however long the chain is, and the
-- log needs no index by time.
CREATE FUNCTION audit_entries_before(entity uuid, head bigint, moment timestamptz)
RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    low    bigint := 0;     -- entries up to here are from before,
    high   bigint := head;  -- those beyond here are not
    middle bigint;
    at     timestamptz;
BEGIN
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        SELECT a.created_at INTO at FROM audit_logs a
         WHERE a.entity_id = entity AND a.seq >= middle ORDER BY a.seq LIMIT 1;
        IF at < moment THEN
            low := middle;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN low;
END
$$;
