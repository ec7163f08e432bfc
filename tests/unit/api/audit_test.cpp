#include "audit/audit_entry.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace subcults;
using namespace subcults::api;

namespace {

AuditEntry entry_of(PrivacyKeys& keys) {
    AuditEntry entry;
    entry.entity_type = "stream_session";
    entry.entity_id = uuid_v7();
    entry.seq = 7;
    entry.action = "joined";
    entry.outcome = "success";
    entry.actor = keys.actor(keys.current_kid(), "did:plc:abc");
    entry.request_id = "r-1";
    entry.created_at = UnixMicros{1'766'537'083'123'456};
    entry.kid = keys.current_kid();
    seal(keys, entry, "previous");
    return entry;
}

}  // namespace

TEST_CASE("a change of any covered field changes the hash") {
    PrivacyKeys keys({Secret(std::string(32, 'k'))});
    const AuditEntry entry = entry_of(keys);
    const Digest256 hash = audit_hash(keys, entry, "previous");
    CHECK(hash == entry.hash);
    CHECK(audit_hash(keys, entry, "another") != hash);

    const auto differs = [&](auto change) {
        AuditEntry other = entry;
        change(other);
        return audit_hash(keys, other, "previous") != hash;
    };
    CHECK(differs([](AuditEntry& e) { e.entity_type = "stream"; }));
    CHECK(differs([](AuditEntry& e) { e.entity_id = uuid_v7(); }));
    CHECK(differs([](AuditEntry& e) { ++e.seq; }));
    CHECK(differs([](AuditEntry& e) { e.action = "left"; }));
    CHECK(differs([](AuditEntry& e) { e.outcome = "failure"; }));
    CHECK(differs([](AuditEntry& e) { e.commitment[0] ^= 1; }));
    CHECK(differs([](AuditEntry& e) { e.request_id = "r-2"; }));
    CHECK(differs([](AuditEntry& e) { ++e.created_at.value; }));
}

TEST_CASE("fields cannot be shifted into each other") {
    PrivacyKeys keys({Secret(std::string(32, 'k'))});
    AuditEntry entry = entry_of(keys);
    entry.action = "joined";
    entry.outcome = "success";
    const Digest256 one = audit_hash(keys, entry, "");
    entry.action = "joineds";
    entry.outcome = "uccess";
    CHECK(audit_hash(keys, entry, "") != one);
}

TEST_CASE("erasing actor and nonce leaves the chain verifiable") {
    PrivacyKeys keys({Secret(std::string(32, 'k'))});
    AuditEntry entry = entry_of(keys);
    entry.actor = {};
    entry.nonce = {};
    CHECK(audit_hash(keys, entry, "previous") == entry.hash);
}

TEST_CASE("the commitment hides that two entries are of one person") {
    PrivacyKeys keys({Secret(std::string(32, 'k'))});
    const AuditEntry one = entry_of(keys);
    const AuditEntry two = entry_of(keys);
    CHECK(one.actor == two.actor);
    CHECK(one.commitment != two.commitment);
}

TEST_CASE("participant ids are stable, different per session and never the DID") {
    PrivacyKeys keys({Secret(std::string(32, 'k'))});
    const Uuid session = uuid_v7();
    const std::string id = keys.participant_id(keys.current_kid(), session, "did:plc:abc");
    CHECK(id == keys.participant_id(keys.current_kid(), session, "did:plc:abc"));
    CHECK(id.substr(0, 5) == "user-");
    CHECK(id.size() == 31);
    CHECK(id.find("abc") == std::string::npos);
    CHECK(id != keys.participant_id(keys.current_kid(), uuid_v7(), "did:plc:abc"));

    std::set<std::string> ids;
    for (const char* did : {"did:web:a:bob", "did:web:b:bob", "did:plc:bob", "did:web:bob"}) {
        ids.insert(keys.participant_id(keys.current_kid(), session, did));
    }
    CHECK(ids.size() == 4);
}

TEST_CASE("a rotated key keeps what was derived before") {
    PrivacyKeys before({Secret(std::string(32, 'a'))});
    PrivacyKeys after({Secret(std::string(32, 'b')), Secret(std::string(32, 'a'))});
    CHECK(after.current_kid() != before.current_kid());
    CHECK(after.knows(before.current_kid()));
    const Uuid session = uuid_v7();
    CHECK(after.participant_id(before.current_kid(), session, "did:plc:x") ==
          before.participant_id(before.current_kid(), session, "did:plc:x"));
    CHECK_FALSE(before.knows(after.current_kid()));
}
