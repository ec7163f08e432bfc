#include "write/known_accounts.hpp"

#include <catch2/catch.hpp>

#include <string>

using subcults::indexer::KnownAccounts;

TEST_CASE("an account is known from the oldest stamp on that was committed") {
    KnownAccounts accounts;
    CHECK_FALSE(accounts.knows("did:plc:a", 100));
    accounts.remember("did:plc:a", 100);
    CHECK(accounts.knows("did:plc:a", 100));
    CHECK(accounts.knows("did:plc:a", 101));
    CHECK_FALSE(accounts.knows("did:plc:a", 99));
    CHECK_FALSE(accounts.knows("did:plc:b", 100));
    accounts.remember("did:plc:a", 50);
    accounts.remember("did:plc:a", 200);
    CHECK(accounts.knows("did:plc:a", 50));
    CHECK_FALSE(accounts.knows("did:plc:a", 49));
}

TEST_CASE("what may have changed is forgotten, and memory is bounded") {
    KnownAccounts accounts(10);
    for (int i = 0; i < 25; ++i) {
        accounts.remember("did:plc:" + std::to_string(i), i);
        CHECK(accounts.size() <= 10);
        CHECK(accounts.knows("did:plc:" + std::to_string(i), i));
    }
    accounts.forget();
    CHECK(accounts.size() == 0);
    CHECK_FALSE(accounts.knows("did:plc:24", 24));
}
