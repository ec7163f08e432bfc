// One verifier shared by many threads; also run under ThreadSanitizer.
#include "auth/jwt.hpp"
#include "auth/token_cache.hpp"

#include "tokens.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace subcults::auth;
using namespace subcults::test;

TEST_CASE("one verifier serves many threads, each with a cache of its own") {
    const TokenVerifier verifier({current_secret, previous_secret});
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 8; ++thread) {
        threads.emplace_back([&verifier, &wrong, thread] {
            TokenCache cache(verifier, 64);
            const std::string did = "did:plc:user" + std::to_string(thread);
            for (int i = 0; i < 500; ++i) {
                const std::string& secret = i % 2 == 0 ? current_secret : previous_secret;
                const std::string token =
                    mint_access_token(secret, did, i % 3 == 0 ? "admin" : "", now, 60 + i % 50);
                const auto direct = verifier.verify(token, now);
                const auto cached = cache.verify(token, now);
                const auto forged = verifier.verify(token + "A", now);
                if (!direct || !cached || forged || direct->did != did || cached->did != did) {
                    ++wrong;
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(wrong == 0);
}
