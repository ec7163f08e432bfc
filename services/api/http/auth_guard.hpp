// Who is calling: the access token in the Authorization header.
#pragma once

#include "auth/auth_header.hpp"
#include "auth/token_cache.hpp"
#include "net/router.hpp"

namespace subcults::api {

// Fills Request::principal or refuses with 401. `tokens` belongs to the worker whose router uses
// the guard.
net::Guard user_guard(auth::TokenCache& tokens);

}  // namespace subcults::api
