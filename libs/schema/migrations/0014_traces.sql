-- compatible_from: 5
-- The trace of the request that ordered something of LiveKit, in the form of the headers traceparent
-- and tracestate: the calls that carry the order out belong to it, whichever replica makes them. NULL
-- where no request stands behind it.
ALTER TABLE livekit_outbox
    ADD COLUMN traceparent text COLLATE "C",
    ADD COLUMN tracestate  text COLLATE "C";
