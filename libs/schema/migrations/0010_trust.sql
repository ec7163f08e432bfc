-- compatible_from: 5
-- Trust scores of scenes, computed from what their owners say about members and allies.

-- A score with what it is made of. Both averages are of fractions, 0 to 1; without members the
-- score is 0 and there is nothing to break down. A scene without a row has not been computed yet.
CREATE TABLE trust_scores (
    scene_id             uuid             PRIMARY KEY,
    score                double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
    alliance_weight      double precision NOT NULL,
    membership_weight    double precision,
    role_multiplier      double precision,
    alliances            bigint           NOT NULL,
    members              bigint           NOT NULL,
    computed_at          timestamptz      NOT NULL,
    CHECK ((members = 0) = (membership_weight IS NULL)),
    CHECK ((members = 0) = (role_multiplier IS NULL))
) WITH (fillfactor = 80);
COMMENT ON COLUMN trust_scores.alliance_weight IS 'Mean weight of the active alliances; 1 without any';
COMMENT ON COLUMN trust_scores.membership_weight IS 'Mean weight of the active memberships; NULL without any';
COMMENT ON COLUMN trust_scores.role_multiplier IS 'Mean multiplier of their roles';

-- The formula, and the only place where it stands: score = mean weight of the scene's alliances (1
-- without any) * mean of weight * role multiplier over its members (0 without any). No row for a
-- scene that is unknown or deleted; `wanted` names each scene once.
--
-- Only records of the owner's own repository count (authoritative), and none while the owner's
-- account is hidden. A repository may hold several records about one member or ally: the newest one
-- is the owner's word, whatever its status is. Sums are of integers (percent, and tenths for the
-- roles), so that the same graph gives the same bits in whatever order it is read.
--
-- Inlined into the statement that asks, so that the planner knows how many scenes are wanted where
-- it is told (custom plans): one by index, a hundred thousand by reading the tables once.
CREATE FUNCTION scene_trust(wanted uuid[])
    RETURNS TABLE (scene_id uuid, score double precision, alliance_weight double precision,
                   membership_weight double precision, role_multiplier double precision,
                   alliances bigint, members bigint)
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH asked AS MATERIALIZED (
        SELECT s.id, h.did IS NULL AS shown
        FROM unnest(wanted) AS u(id)
        JOIN scenes s ON s.id = u.id AND s.deleted_at IS NULL
        LEFT JOIN hidden_accounts h ON h.did = s.owner_did),
    member AS (
        SELECT r.scene_id, count(*) AS count, sum(r.weight) AS weights, sum(r.tenths) AS tenths,
               sum(r.weight * r.tenths) AS product
        FROM (SELECT DISTINCT ON (m.scene_id, m.member_did) m.scene_id, m.weight, m.status,
                     CASE m.role WHEN 'owner' THEN 10 WHEN 'curator' THEN 8 WHEN 'guest' THEN 3
                                 ELSE 5 END AS tenths
              FROM asked q JOIN memberships m ON m.scene_id = q.id
              WHERE q.shown AND m.deleted_at IS NULL AND m.authoritative
              ORDER BY m.scene_id, m.member_did, m.rev DESC, m.id) r
        WHERE r.status = 'active' GROUP BY r.scene_id),
    ally AS (
        SELECT r.scene_id, count(*) AS count, sum(r.weight) AS weights
        FROM (SELECT DISTINCT ON (a.from_scene_id, a.to_scene_uri) a.from_scene_id AS scene_id,
                     a.weight, a.status
              FROM asked q JOIN alliances a ON a.from_scene_id = q.id
              WHERE q.shown AND a.deleted_at IS NULL AND a.authoritative
              ORDER BY a.from_scene_id, a.to_scene_uri, a.rev DESC, a.id) r
        WHERE r.status = 'active' GROUP BY r.scene_id)
    SELECT q.id,
           coalesce(m.product / (1000.0::float8 * m.count)
                    * coalesce(a.weights / (100.0::float8 * a.count), 1), 0),
           coalesce(a.weights / (100.0::float8 * a.count), 1),
           m.weights / (100.0::float8 * m.count),
           m.tenths / (10.0::float8 * m.count),
           coalesce(a.count, 0), coalesce(m.count, 0)
    FROM asked q LEFT JOIN member m ON m.scene_id = q.id LEFT JOIN ally a ON a.scene_id = q.id
$$;

-- Whether a repository holds several records about one member or ally is asked for whenever one of
-- them is rewritten; that must not read all that a scene has, nor what strangers say about it.
-- (Addresses may be longer than an index takes, and DIDs are most of what one of them would hold.)
-- Nobody reads by scene what has no authority.
DROP INDEX memberships_scene;
CREATE INDEX memberships_scene ON memberships (scene_id, hashtextextended(member_did, 0))
    WHERE authoritative;
DROP INDEX alliances_from;
CREATE INDEX alliances_from ON alliances (from_scene_id, hashtextextended(to_scene_uri, 0))
    WHERE authoritative;

-- What is deleted stays as a tombstone until nothing older can be delivered again; then it is found
-- by this.
CREATE INDEX records_tombstones ON records (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX events_tombstones ON events (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX posts_tombstones ON posts (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX alliances_tombstones ON alliances (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX memberships_tombstones ON memberships (deleted_at) WHERE deleted_at IS NOT NULL;
