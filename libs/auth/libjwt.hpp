// Ownership for libjwt's C objects. Private to this folder.
#pragma once

#include <jwt.h>

#include <cstdlib>
#include <memory>

namespace subcults::auth {

struct FreeJwt {
    void operator()(jwt_t* token) const noexcept { jwt_free(token); }
};
using LibJwt = std::unique_ptr<jwt_t, FreeJwt>;

// Strings that libjwt hands out come from malloc().
struct FreeText {
    void operator()(char* text) const noexcept { std::free(text); }
};
using LibJwtText = std::unique_ptr<char, FreeText>;

}  // namespace subcults::auth
