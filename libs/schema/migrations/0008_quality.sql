-- compatible_from: 5
-- Audio quality as participants measure it: every window that was reported, one measurement per
-- participant and collection, and what collecting has to remember.
--
-- Partitions are made plain and attached, days or hours ahead; there is no default one, because it
-- would have to be searched whenever another is attached. Their names end in the time they begin
-- at, so that old ones are found by name.

-- Windows as they were reported, by the hour in which they were measured: they are read for some
-- minutes and dropped after some hours. A replay has the seq and the time of the first one, hence
-- the same key; the same seq with another time is found by the beginning of the key.
CREATE TABLE stream_quality_reports (
    stream_session_id    uuid        NOT NULL,
    participant_id       text        COLLATE "C" NOT NULL,
    seq                  bigint      NOT NULL,
    measured_at          timestamptz NOT NULL,  -- the end of the window, by the client's clock
    received_at          timestamptz NOT NULL,  -- by ours
    window_ms            bigint      NOT NULL,
    uplink               boolean     NOT NULL,  -- what the participant sends; else what it hears
    muted                boolean     NOT NULL,
    late                 boolean     NOT NULL,  -- came too long after it was measured for alerts
    bitrate_kbps         double precision,
    jitter_ms            double precision,
    packet_loss_percent  double precision,
    audio_level          double precision,
    rtt_ms               double precision,
    PRIMARY KEY (stream_session_id, participant_id, seq, measured_at)
) PARTITION BY RANGE (measured_at);
-- For collections: what has come since the last one.
CREATE INDEX stream_quality_reports_news
    ON stream_quality_reports (stream_session_id, received_at);

CREATE TABLE stream_quality_metrics (
    id                   uuid        NOT NULL DEFAULT gen_random_uuid(),
    stream_session_id    uuid        NOT NULL,
    participant_id       text        COLLATE "C" NOT NULL,
    bitrate_kbps         double precision CHECK (bitrate_kbps >= 0),
    jitter_ms            double precision CHECK (jitter_ms >= 0),
    packet_loss_percent  double precision CHECK (packet_loss_percent BETWEEN 0 AND 100),
    audio_level          double precision CHECK (audio_level BETWEEN 0 AND 1),
    rtt_ms               double precision CHECK (rtt_ms >= 0),
    measured_at          timestamptz NOT NULL DEFAULT now(),
    mos                  double precision CHECK (mos BETWEEN 1 AND 5),
    uplink               boolean     NOT NULL DEFAULT true,
    muted                boolean     NOT NULL DEFAULT false,
    late                 boolean     NOT NULL DEFAULT false,  -- in no metric and no alert
    window_ms            bigint,
    collected_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream_session_id, measured_at, id),
    CHECK (num_nonnulls(bitrate_kbps, jitter_ms, packet_loss_percent, audio_level, rtt_ms) > 0)
) PARTITION BY RANGE (measured_at);
-- The recent ones of a session come from the key, a participant's from this.
CREATE INDEX stream_quality_metrics_participant
    ON stream_quality_metrics (stream_session_id, participant_id, measured_at, id);
CREATE INDEX stream_quality_metrics_high_loss
    ON stream_quality_metrics (stream_session_id, measured_at, participant_id)
    WHERE packet_loss_percent > 5;

-- One row per session that has been collected: its lock is what makes collections of one session
-- take turns.
CREATE TABLE stream_quality_collections (
    stream_session_id  uuid        PRIMARY KEY,
    collections        bigint      NOT NULL,
    collected_at       timestamptz NOT NULL
) WITH (fillfactor = 50);

-- How far the windows of a participant have been looked at, and whether the connection is in a
-- degradation: `streak` windows in a row have said the opposite of `degraded`.
CREATE TABLE stream_quality_progress (
    stream_session_id  uuid        NOT NULL,
    participant_id     text        COLLATE "C" NOT NULL,
    uplink             boolean     NOT NULL,
    seen_at            timestamptz NOT NULL,
    streak             bigint      NOT NULL DEFAULT 0,
    degraded           boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (stream_session_id, participant_id, uplink)
) WITH (fillfactor = 80);

CREATE FUNCTION quality_add_partition(parent text, starts timestamptz, width interval, suffix text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    partition text := parent || '_' || to_char(starts AT TIME ZONE 'UTC', suffix);
BEGIN
    IF to_regclass(quote_ident(partition)) IS NOT NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   parent, partition, starts, starts + width);
    RETURN 1;
END
$$;

-- Makes what is missing from yesterday to three days ahead (measurements), from an hour ago to
-- four ahead (reports); returns how many. Costs some look-ups when nothing is missing.
CREATE FUNCTION quality_add_partitions(moment timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    today     timestamptz := date_trunc('day', moment, 'UTC');
    this_hour timestamptz := date_trunc('hour', moment, 'UTC');
    made      bigint := 0;
BEGIN
    -- Every one of them: whoever misses one comes here because of just that one.
    IF NOT EXISTS (
        SELECT FROM generate_series(-1, 3) i WHERE to_regclass('stream_quality_metrics_' ||
            to_char((today + i * interval '24 hours') AT TIME ZONE 'UTC', 'YYYYMMDD')) IS NULL
    ) AND NOT EXISTS (
        SELECT FROM generate_series(-1, 4) i WHERE to_regclass('stream_quality_reports_' ||
            to_char((this_hour + i * interval '1 hour') AT TIME ZONE 'UTC', 'YYYYMMDDHH24')) IS NULL
    ) THEN
        RETURN 0;
    END IF;
    -- Replicas start at the same time.
    PERFORM pg_advisory_xact_lock(hashtext('stream_quality_partitions'));
    FOR i IN -1..3 LOOP
        made := made + quality_add_partition('stream_quality_metrics',
            today + i * interval '24 hours', interval '24 hours', 'YYYYMMDD');
    END LOOP;
    FOR i IN -1..4 LOOP
        made := made + quality_add_partition('stream_quality_reports',
            this_hour + i * interval '1 hour', interval '1 hour', 'YYYYMMDDHH24');
    END LOOP;
    RETURN made;
END
$$;

-- Drops the oldest partition that holds nothing as new as the two given times; returns how many (0
-- or 1). Dropping locks the parent for a moment; who would have to wait long for that gives up. So
-- reports go first: there are many more of them, and people read measurements.
CREATE FUNCTION quality_drop_partition(metrics_from timestamptz, reports_from timestamptz)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    victim text;
BEGIN
    PERFORM set_config('lock_timeout', '250ms', true);
    SELECT c.relname INTO victim
      FROM pg_inherits i
      JOIN pg_class c ON c.oid = i.inhrelid
     WHERE (i.inhparent = 'stream_quality_metrics'::regclass
            AND c.relname COLLATE "C" < 'stream_quality_metrics_' ||
                to_char(metrics_from AT TIME ZONE 'UTC', 'YYYYMMDD'))
        OR (i.inhparent = 'stream_quality_reports'::regclass
            AND c.relname COLLATE "C" < 'stream_quality_reports_' ||
                to_char(reports_from AT TIME ZONE 'UTC', 'YYYYMMDDHH24'))
     ORDER BY i.inhparent = 'stream_quality_metrics'::regclass, c.relname COLLATE "C" LIMIT 1;
    IF victim IS NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', victim);  -- somebody else may have been faster
    RETURN 1;
END
$$;

SELECT quality_add_partitions(now());
