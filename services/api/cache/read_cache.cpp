#include "cache/read_cache.hpp"

namespace subcults::api {

namespace asio = boost::asio;

namespace {

asio::awaitable<db::DbResult<std::optional<TrustAnswer>>> known_trust(db::Pool& pool, Uuid scene,
                                                                      Deadline deadline) {
    auto found = co_await find_trust(pool, scene, deadline);
    if (!found) co_return std::move(found).error();
    std::optional<TrustAnswer> known;
    if (found->scene != TrustAnswer::Scene::unknown) known = std::move(*found);
    co_return known;
}

}  // namespace

ReadCache::ReadCache(asio::any_io_executor executor, db::Pool& pool, CacheLimits limits,
                     const CacheStamps& stamps, metrics::Registry& registry)
    : streams_(executor, limits, stamps.sessions, CacheMetrics::make(registry, "session"),
               [&pool](Uuid id, Deadline deadline) { return find_stream(pool, id, deadline); }),
      trust_(executor, limits, stamps.trust, CacheMetrics::make(registry, "trust"),
             [&pool](Uuid id, Deadline deadline) { return known_trust(pool, id, deadline); }),
      owners_(
          executor, limits, stamps.scenes, CacheMetrics::make(registry, "scene"),
          [&pool](Uuid id, Deadline deadline) { return find_scene_owner(pool, id, deadline); }) {}

asio::awaitable<CachedReads<StreamView>::Answer> ReadCache::stream(Uuid id, Deadline deadline) {
    return streams_.get(id, deadline);
}

asio::awaitable<CachedReads<TrustAnswer>::Answer> ReadCache::trust(Uuid scene, Deadline deadline) {
    return trust_.get(scene, deadline);
}

asio::awaitable<CachedReads<SceneOwner>::Answer> ReadCache::owner(Uuid scene, Deadline deadline) {
    return owners_.get(scene, deadline);
}

}  // namespace subcults::api
