#include "auth/jwt.hpp"
#include "auth/libjwt.hpp"

#include <limits>
#include <new>
#include <stdexcept>

namespace subcults::auth {

namespace {

// What remains to go wrong once the arguments were checked is memory.
void require(int status) {
    if (status != 0) throw std::bad_alloc();
}

}  // namespace

std::string mint_access_token(std::string_view secret, std::string_view did, std::string_view role,
                              std::int64_t now, std::int64_t ttl_seconds) {
    if (secret.empty() || secret.size() > std::numeric_limits<int>::max()) {
        throw std::invalid_argument("a token needs a secret to be signed with");
    }
    if (!is_did(did)) throw std::invalid_argument("not a DID (did:method:id)");
    if (ttl_seconds < 1 || now > std::numeric_limits<std::int64_t>::max() - ttl_seconds) {
        throw std::invalid_argument("a token must live for at least one second");
    }

    jwt_t* created = nullptr;
    require(jwt_new(&created));
    const LibJwt token(created);
    require(jwt_add_header(token.get(), "kid", "current"));
    require(jwt_add_grant(token.get(), "did", std::string(did).c_str()));
    if (!role.empty() && jwt_add_grant(token.get(), "role", std::string(role).c_str()) != 0) {
        throw std::invalid_argument("a role must be UTF-8 text");
    }
    require(jwt_add_grant(token.get(), "typ", "access"));
    require(jwt_add_grant_int(token.get(), "iat", now));
    require(jwt_add_grant_int(token.get(), "exp", now + ttl_seconds));
    require(jwt_set_alg(token.get(), JWT_ALG_HS256,
                        reinterpret_cast<const unsigned char*>(secret.data()),
                        static_cast<int>(secret.size())));
    const LibJwtText text(jwt_encode_str(token.get()));
    if (!text) throw std::bad_alloc();
    return text.get();
}

}  // namespace subcults::auth
