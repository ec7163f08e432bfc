#include "cache/scene_owner.hpp"

#include <utility>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

constexpr db::Statement scene_owner{
    "scene_owner",
    "SELECT s.owner_did, s.deleted_at IS NOT NULL, h.did IS NOT NULL FROM scenes s"
    " LEFT JOIN hidden_accounts h ON h.did = s.owner_did WHERE s.id = $1::uuid"};

}  // namespace

db::Statement scene_owner_statement() noexcept {
    return scene_owner;
}

asio::awaitable<db::DbResult<std::optional<SceneOwner>>> find_scene_owner(db::Pool& pool,
                                                                          Uuid scene,
                                                                          Deadline deadline) {
    db::Params params;
    params.uuid(scene);
    auto rows = co_await pool.read(scene_owner, std::move(params), deadline);
    if (!rows) co_return std::move(rows).error();
    std::optional<SceneOwner> found;
    if (!rows->empty()) {
        found.emplace();
        found->did = rows->text(0, 0);
        found->deleted = rows->boolean(0, 1);
        found->hidden = rows->boolean(0, 2);
    }
    co_return found;
}

}  // namespace subcults::api
