// Who is calling: the access token in the Authorization header.
#pragma once

#include "auth/auth_header.hpp"
#include "auth/token_cache.hpp"
#include "net/router.hpp"

#include <string>

namespace subcults::api {

// Fills Request::principal or refuses with 401, and keeps the answer out of caches: it depends on
// who asks. `tokens` belongs to the worker whose router uses
// the guard.
net::Guard user_guard(auth::TokenCache& tokens);

// Lets only callers with this role pass, others get 403: to stand behind user_guard. The role is
// what the token says, so taking it away takes until the token has expired.
net::Guard require_role(std::string role);

}  // namespace subcults::api
