// Who owns a scene, as the API's readers need to know it.
#pragma once

#include "db/pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>

namespace subcults::api {

struct SceneOwner {
    std::string did;
    bool deleted = false;  // the scene
    bool hidden = false;   // its owner's account: owns nothing while it is
};

// nullopt = no such scene.
boost::asio::awaitable<db::DbResult<std::optional<SceneOwner>>> find_scene_owner(db::Pool& pool,
                                                                                 Uuid scene,
                                                                                 Deadline deadline);

// To be prepared on the pool's connections.
db::Statement scene_owner_statement() noexcept;

}  // namespace subcults::api
