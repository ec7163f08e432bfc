// Trust scores: computed where the graph is, in the database, by sets of scenes.
//
// Scenes whose score may have changed are marked in trust_dirty by the transaction that changed
// them. A recomputation reads marks, computes and stores the scores of their scenes, and takes away
// those marks that are still the ones it has read: a scene that was marked again meanwhile stays
// marked. It never waits for a transaction that is just marking, and holds the marks it takes away
// only for the moment of doing so, because the indexer waits behind that.
//
// Threading: the pool's. Cost: a few milliseconds for some scenes; 100,000 scenes with 1,000,000
// memberships some seconds.
#pragma once

#include "base/log.hpp"
#include "base/uuid.hpp"
#include "db/pool.hpp"
#include "jobs/job.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults::api {

// The body of the job trust_recompute. Everything that is marked, batch by batch; unless it was
// started by a mark, also every scene that has no score yet (the whole graph on the first run).
class TrustRecompute {
  public:
    // `pool` plans for what it is given and has room for it: see trust_settings().
    // `on_computed` is told of scenes whose scores have been stored.
    TrustRecompute(db::Pool& pool, Log& log,
                   std::function<void(std::span<const Uuid>)> on_computed = {})
        : pool_(pool), log_(log), on_computed_(std::move(on_computed)) {}

    boost::asio::awaitable<void> run(jobs::Run& run);

    static std::vector<db::Statement> statements();

  private:
    struct Batch {
        std::vector<Uuid> scenes;
        std::vector<std::int64_t> generations;  // of their marks; empty = they have none
    };
    // Where the scenes come from, in the order of their ids.
    enum class Source { marks, scenes_without_score };
    boost::asio::awaitable<bool> drain(jobs::Run& run, Source source, std::size_t& computed);
    boost::asio::awaitable<std::optional<Batch>> next_batch(jobs::Run& run, Source source,
                                                            Uuid after);
    boost::asio::awaitable<bool> compute(jobs::Run& run, const Batch& batch);

    db::Pool& pool_;
    Log& log_;
    std::function<void(std::span<const Uuid>)> on_computed_;
};

// For connections that compute trust: plans that know how many scenes are asked for, and memory to
// sort a million memberships.
std::vector<std::pair<std::string, std::string>> trust_settings();

// Means of fractions, 0 to 1.
struct TrustBreakdown {
    double alliance_weight = 0;
    double membership_weight = 0;
    double role_multiplier = 0;
};

struct SceneTrust {
    double score = 0;
    std::optional<TrustBreakdown> breakdown;  // absent when the scene has no members
    bool stale = false;                       // marked: will be computed anew
    std::optional<UnixMicros> last_updated;   // absent when it was computed just now
};

struct TrustAnswer {
    enum class Scene : std::uint8_t { unknown, deleted, known };
    Scene scene = Scene::unknown;
    SceneTrust trust;  // of a known scene
};

// What is stored, or, for a scene that has not been computed yet, what it would be. A scene whose
// owner is hidden is unknown.
boost::asio::awaitable<db::DbResult<TrustAnswer>> find_trust(db::Pool& pool, Uuid scene,
                                                             Deadline deadline);
std::vector<db::Statement> trust_query_statements();

}  // namespace subcults::api
