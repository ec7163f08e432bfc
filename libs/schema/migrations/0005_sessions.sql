-- compatible_from: 5
-- Moderation, presence as LiveKit sees it, latency measured without the client's help, analytics.
--
-- Everything here is keyed by the session, like the tables it stands beside, and written by the
-- ledger under the session's row lock, except stream_analytics.

-- When the room's first audio track was published, and the scene that a stream counts for: its own,
-- or its event's at the time it was started.
ALTER TABLE stream_sessions
    ADD COLUMN first_track_at   timestamptz,
    ADD COLUMN hosting_scene_id uuid;
UPDATE stream_sessions s SET hosting_scene_id =
    coalesce(s.scene_id, (SELECT e.scene_id FROM events e WHERE e.id = s.event_id));
-- For what is done after an end: analytics that are still missing.
CREATE INDEX stream_sessions_ended_at ON stream_sessions (ended_at) WHERE ended_at IS NOT NULL;

-- A row exists from the first token or join on; joined_at stays NULL for who never came. Present =
-- joined_at IS NOT NULL AND left_at IS NULL.
ALTER TABLE stream_participants
    ALTER COLUMN first_joined_at DROP NOT NULL,
    ALTER COLUMN joined_at DROP NOT NULL,
    -- The newest token, whether a join waits to be measured from it, and whether it has been used
    -- for a measurement: one token gives at most one sample.
    ADD COLUMN token_issued_at    timestamptz,
    ADD COLUMN latency_wanted     boolean NOT NULL DEFAULT false,
    ADD COLUMN latency_done       boolean NOT NULL DEFAULT false,
    -- Until when a leave (or kick) has been asked for: a connection from before it does not bring
    -- the participant back.
    ADD COLUMN leave_requested_at timestamptz,
    -- The newest connection that LiveKit has told of: when it began, and when media flowed.
    ADD COLUMN livekit_sid        text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN livekit_since      timestamptz,
    ADD COLUMN livekit_active_at  timestamptz,
    -- The open row of stream_participations that a join made; empty = none.
    ADD COLUMN stay               text COLLATE "C" NOT NULL DEFAULT '';

-- Who was there, from when to when. A row per LiveKit connection (stay = its sid) and one per join
-- of somebody who was not there (stay = number of the audit entry). Rows of one participant may
-- overlap: the person is there while any of them lasts. left_at IS NULL = until the session's end.
CREATE TABLE stream_participations (
    stream_session_id  uuid        NOT NULL,
    participant_id     text        COLLATE "C" NOT NULL,
    stay               text        COLLATE "C" NOT NULL,
    joined_at          timestamptz NOT NULL,
    left_at            timestamptz,
    PRIMARY KEY (stream_session_id, participant_id, stay)
) WITH (fillfactor = 80);

-- Participants that the host has removed.
CREATE TABLE stream_bans (
    stream_session_id  uuid        NOT NULL,
    participant_id     text        COLLATE "C" NOT NULL,
    banned_at          timestamptz NOT NULL,
    PRIMARY KEY (stream_session_id, participant_id)
);

-- Computed once after the end, from stream_participations; times in seconds, listening times per
-- participant with all stays together.
CREATE TABLE stream_analytics (
    stream_session_id               uuid             PRIMARY KEY,
    peak_concurrent_listeners       bigint           NOT NULL,
    total_unique_participants       bigint           NOT NULL,
    total_join_attempts             bigint           NOT NULL,
    stream_duration_seconds         double precision NOT NULL,
    engagement_lag_seconds          double precision,
    avg_listen_duration_seconds     double precision,
    median_listen_duration_seconds  double precision,
    computed_at                     timestamptz      NOT NULL
);
COMMENT ON COLUMN stream_analytics.engagement_lag_seconds IS 'From the start to the first participant; NULL = nobody came';
