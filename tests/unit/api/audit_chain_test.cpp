#include "audit/entry_text.hpp"
#include "audit/named_counts.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>

using namespace subcults;
using namespace subcults::api;

namespace {

// Six entries: created, joined, joined, muted (about somebody), left, ended.
struct Chain {
    PrivacyKeys keys{{Secret(std::string(32, 'k'))}};
    Uuid entity = uuid_v7();
    std::vector<StoredEntry> entries;
    ChainHead head;

    Chain() {
        for (const char* action : {"created", "joined", "joined", "muted", "left", "ended"})
            append(action);
        head.joins = 2;
        head.leaves = 1;
    }

    void append(const char* action) {
        AuditEntry entry;
        entry.entity_type = "stream_session";
        entry.entity_id = entity;
        entry.seq = head.seq + 1;
        entry.action = action;
        entry.outcome = "success";
        entry.actor = keys.actor(keys.current_kid(), "did:plc:abc");
        entry.request_id = "r-" + std::to_string(entry.seq);
        entry.created_at = UnixMicros{1'766'537'083'123'450 + entry.seq};
        entry.kid = keys.current_kid();
        if (std::string_view(action) == "muted") {
            entry.target.emplace();
            entry.target->tag = keys.target(entry.kid, "user-x");
        }
        seal(keys, entry, head.hash);
        head.seq = entry.seq;
        head.hash = subcults::as_view(entry.hash);
        entries.push_back(stored_form(entry));
    }

    // "seq what" of each finding, joined by "; ".
    std::string verify(const ChainHead* known, PrivacyKeys& with, std::int64_t after = 0) {
        ChainVerifier verifier(with, entity, after);
        for (const StoredEntry& entry : entries) {
            if (entry.seq > after) verifier.add(entry);
        }
        verifier.finish(known);
        std::string said;
        for (const AuditFinding& finding : verifier.findings()) {
            CHECK(finding.entity == entity);
            if (!said.empty()) said += "; ";
            said += std::to_string(finding.seq) + " " + finding.what;
        }
        return said;
    }
    std::string verify() { return verify(&head, keys); }
};

const std::string mismatch = " the entry does not match its hash";

}  // namespace

TEST_CASE_METHOD(Chain, "a chain as it was written is sound, whole or from somewhere on") {
    CHECK(verify().empty());
    for (std::int64_t after = 1; after < 6; ++after) {
        INFO(after);
        CHECK(verify(&head, keys, after).empty());
    }
}

TEST_CASE_METHOD(Chain, "an edit of any column is found, once, at its entry") {
    const std::vector<std::pair<std::string, std::function<void(StoredEntry&)>>> edits{
        {"entity_type", [](StoredEntry& e) { e.entity_type = "scene"; }},
        {"action", [](StoredEntry& e) { e.action = "kicked"; }},
        {"outcome", [](StoredEntry& e) { e.outcome = "failure"; }},
        {"commitment", [](StoredEntry& e) { e.commitment[3] ^= 1; }},
        {"request_id", [](StoredEntry& e) { e.request_id += "x"; }},
        {"created_at", [](StoredEntry& e) { ++e.created_at.value; }},
        {"hash", [](StoredEntry& e) { e.hash[31] ^= 1; }},
    };
    for (const auto& [name, edit] : edits) {
        for (const std::size_t index : {0U, 1U, 3U, 5U}) {
            INFO(name << " of entry " << index + 1);
            Chain other;
            edit(other.entries[index]);
            const std::string said = other.verify();
            const std::string expected = std::to_string(index + 1) + mismatch;
            if (name == "commitment") {
                CHECK(said == expected + "; " + std::to_string(index + 1) +
                                  " the entry's actor does not match its commitment");
            } else {
                CHECK(said == expected);
            }
        }
    }
}

TEST_CASE_METHOD(Chain, "who did it and whom it was about cannot be replaced") {
    entries[1].actor->front() ^= 1;
    CHECK(verify() == "2 the entry's actor does not match its commitment");
    entries[1].actor.reset();
    CHECK(verify() == "2 the entry's actor is there in part only");
    Chain second;
    second.entries[3].target->front() ^= 1;
    CHECK(second.verify() == "4 the entry's target does not match its commitment");
    Chain third;
    third.entries[3].target_commitment->front() ^= 1;
    CHECK(third.verify() ==
          "4" + mismatch + "; 4 the entry's target does not match its commitment");
    Chain fourth;
    fourth.entries[3].version = 1;
    CHECK(fourth.verify() == "4 the entry has columns of a wrong shape");
    Chain fifth;  // as if it had been about nobody
    StoredEntry& stripped = fifth.entries[3];
    stripped.version = 1;
    stripped.target.reset();
    stripped.target_nonce.reset();
    stripped.target_commitment.reset();
    CHECK(fifth.verify() == "4" + mismatch);
}

TEST_CASE_METHOD(Chain, "a key that is not there is said, not guessed") {
    PrivacyKeys others({Secret(std::string(32, 'o'))});
    const std::string said = verify(&head, others);
    CHECK(said.substr(0, said.find(';')) ==
          "1 the entry was made with a privacy key that is not configured");
    entries[2].kid ^= 1;
    CHECK(verify() == "3 the entry was made with a privacy key that is not configured");
    PrivacyKeys rotated({Secret(std::string(32, 'o')), Secret(std::string(32, 'k'))});
    entries[2].kid ^= 1;
    CHECK(verify(&head, rotated).empty());
}

TEST_CASE_METHOD(Chain, "a deletion in the middle or at the end is found") {
    entries.erase(entries.begin() + 2);
    CHECK(verify() == "3 entry 3 is missing");
    entries.erase(entries.begin() + 2);
    CHECK(verify() == "3 entries 3 to 4 are missing");
    Chain cut;
    cut.entries.resize(4);
    CHECK(cut.verify() == "5 entries 5 to 6 are missing: the chain was cut off");
    Chain headless;
    CHECK(headless.verify(nullptr, headless.keys) ==
          "0 the chain has entries, but nothing knows of it");
    Chain empty;
    empty.entries.clear();
    CHECK(empty.verify() == "1 entries 1 to 6 are missing: the chain was cut off");
}

TEST_CASE_METHOD(Chain, "entries that swapped places are found, and what follows them") {
    std::swap(entries[1], entries[2]);
    std::swap(entries[1].seq, entries[2].seq);
    CHECK(verify() == "2" + mismatch + "; 3" + mismatch + "; 4" + mismatch);
}

TEST_CASE_METHOD(Chain, "a forged entry at the end, or in the place of a deleted one, is found") {
    StoredEntry forged = entries.back();
    forged.seq = 7;
    entries.push_back(forged);
    CHECK(verify() ==
          "7" + mismatch + "; 7 the chain goes on beyond its head, which is at entry 6");
    Chain replaced;
    StoredEntry other = replaced.entries[1];
    other.seq = 3;
    replaced.entries[2] = other;
    CHECK(replaced.verify() == "3" + mismatch + "; 4" + mismatch);
}

TEST_CASE_METHOD(Chain, "a head that is not the chain's last entry is found") {
    head.hash[0] ^= 1;
    CHECK(verify() == "6 the head does not match the chain's last entry");
}

TEST_CASE_METHOD(Chain,
                 "counts that the chain does not tell of show what was cut back with its head") {
    entries.resize(2);
    head.seq = 2;
    head.hash = entries.back().hash;
    CHECK(verify() ==
          "0 join_count is 2, but the chain tells of 1; "
          "0 leave_count is 1, but the chain tells of 0");
}

TEST_CASE_METHOD(Chain, "a head with another time or type than the last entry is found, once") {
    head.at = entries.back().created_at;
    head.entity_type = "stream_session";
    CHECK(verify().empty());
    head.at = UnixMicros{946'684'800'000'000};
    CHECK(verify() == "6 the head's time is not that of the chain's last entry");
    // Of an entry that was edited nothing can be told but that.
    Chain edited;
    edited.head.at = edited.entries.back().created_at;
    ++edited.entries.back().created_at.value;
    CHECK(edited.verify() == "6" + mismatch);
    Chain moved;
    moved.head.entity_type = "scene";
    CHECK(moved.verify() == "6 the head is of another type of entity than the chain's last entry");
    Chain doubled;
    doubled.head.twice = true;
    CHECK(doubled.verify() == "0 more than one row claims to know the chain's end");
}

TEST_CASE("two counts are one word, and nothing else is read as them") {
    TwoCounts counts;
    counts.first = 12;
    counts.second = 3;
    CHECK(counts_text(erased_counts, counts) == "actors-12-targets-3");
    const auto read = read_counts(erased_counts, "actors-12-targets-3");
    REQUIRE(read);
    CHECK((*read == counts));
    for (const char* bad :
         {"", "actors-12", "actors-12-targets-", "actors-12-targets-3-", "actors--1-targets-3",
          "actors-12-targets-3x", "joins-12-leaves-3", "actors-9223372036854775807-targets-0",
          "actors-99999999999999999999-targets-0", "actors 12-targets-3"}) {
        INFO(bad);
        CHECK_FALSE(read_counts(erased_counts, bad));
    }
}

TEST_CASE("an entry about an erasure tells what was emptied, in the log's own chain only") {
    PrivacyKeys keys({Secret(std::string(32, 'k'))});
    for (const auto& [type, told] : {std::pair{"audit_log", 12}, std::pair{"scene", 0}}) {
        AuditEntry entry;
        entry.entity_type = type;
        entry.entity_id = uuid_v7();
        entry.seq = 1;
        entry.action = "erased";
        entry.outcome = "success";
        entry.request_id = "actors-12-targets-3";
        entry.created_at = UnixMicros{1'766'537'083'123'450};
        entry.kid = keys.current_kid();
        seal(keys, entry, "");
        ChainVerifier verifier(keys, entry.entity_id);
        verifier.add(stored_form(entry));
        CHECK(verifier.findings().empty());
        CHECK(verifier.told().actors == told);
    }
}

TEST_CASE_METHOD(Chain, "an erased entry is sound, and counted") {
    for (StoredEntry& entry : entries) {
        entry.actor.reset();
        entry.nonce.reset();
        entry.target.reset();
        entry.target_nonce.reset();
    }
    ChainVerifier verifier(keys, entity);
    for (const StoredEntry& entry : entries)
        verifier.add(entry);
    verifier.finish(&head);
    CHECK(verifier.findings().empty());
    CHECK(verifier.emptied().actors == 6);
    CHECK(verifier.emptied().targets == 1);
}

TEST_CASE_METHOD(Chain, "an export is read back as it was, in either format") {
    entries[1].actor.reset();
    entries[1].nonce.reset();
    entries[2].request_id = "a \"quoted\", odd\nid";
    entries[4].request_id = "";
    std::string json;
    std::string csv = csv_header();
    for (const StoredEntry& entry : entries) {
        json += entry_json(entry) + "\n";
        csv += entry_csv(entry);
    }
    const ExportHead end = sign_head(keys, entity, head);
    json += head_json(end) + "\n";
    csv += head_csv(end);
    for (const std::string& text : {json, csv}) {
        INFO(text);
        const auto read = read_export(text);
        REQUIRE(read.has_value());
        CHECK(read->entries == entries);
        REQUIRE(read->heads.size() == 1);
        const ExportHead& known = read->heads[0];
        CHECK(known.entity == entity);
        CHECK(known.head.seq == head.seq);
        CHECK(known.head.hash == head.hash);
        CHECK(known.head.joins == head.joins);
        CHECK(known.head.leaves == head.leaves);
        CHECK((check_signature(keys, known) == SignatureState::right));
    }
}

TEST_CASE_METHOD(Chain, "what is no export is refused with the line") {
    const std::string good = entry_json(entries[0]) + "\n";
    for (const std::string bad : {"{\"seq\":1}\n", "{\n", "nothing\n"}) {
        const auto read = read_export(good + bad);
        REQUIRE_FALSE(read.has_value());
        CHECK(read.error() == "line 2 is no audit entry");
    }
    const auto open = read_export(csv_header() + "\"never closed");
    REQUIRE_FALSE(open.has_value());
    CHECK(open.error() == "line 2 is no audit entry");
    for (const std::string& bad :
         {csv_header() + "a,b\r\n", std::string("a,b\r\n"), entry_csv(entries[0]) + csv_header()}) {
        INFO(bad);
        CHECK_FALSE(read_export(bad).has_value());
    }
}
