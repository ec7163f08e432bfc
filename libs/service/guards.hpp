// Guards for operators' endpoints.
#pragma once

#include "auth/auth_header.hpp"
#include "net/router.hpp"

namespace subcults::service {

// 401 without credentials, 403 with wrong ones; open when no token is configured. `token` must
// outlive the guard.
net::Guard token_guard(const auth::InternalToken& token);

}  // namespace subcults::service
