// What an exported file proves, and what it does not.
#include "audit/export_verifier.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::api;

namespace {

struct Exported {
    PrivacyKeys keys{{Secret(std::string(32, 'k'))}};
    Uuid entity = uuid_v7();
    ChainHead head;
    AuditExport file;

    Exported() {
        for (const char* action : {"created", "joined", "left", "ended"}) {
            AuditEntry entry;
            entry.entity_type = "stream_session";
            entry.entity_id = entity;
            entry.seq = head.seq + 1;
            entry.action = action;
            entry.outcome = "success";
            entry.created_at = UnixMicros{1'766'537'083'123'450 + entry.seq};
            entry.kid = keys.current_kid();
            seal(keys, entry, head.hash);
            head.seq = entry.seq;
            head.hash = subcults::as_view(entry.hash);
            file.entries.push_back(stored_form(entry));
        }
        head.joins = 1;
        head.leaves = 1;
        file.heads.push_back(sign_head(keys, entity, head));
    }

    std::string text(bool csv) const {
        std::string all = csv ? csv_header() : "";
        for (const StoredEntry& entry : file.entries)
            all += csv ? entry_csv(entry) : entry_json(entry) + "\n";
        for (const ExportHead& end : file.heads)
            all += csv ? head_csv(end) : head_json(end) + "\n";
        return all;
    }
    // "broken", "unverified" or "sound", and the findings.
    static std::string said(const VerifyReport& report) {
        std::string all = report.broken() ? "broken" : report.sound() ? "sound" : "unverified";
        for (const AuditFinding& finding : report.findings)
            all += "; " + std::to_string(finding.seq) + " " + finding.what;
        return all;
    }
    std::string verify() { return said(verify_export(keys, file, std::nullopt)); }
};

const std::string no_end =
    "; 0 nothing that is signed says where the chain ends: the export may be cut off";

}  // namespace

TEST_CASE_METHOD(Exported, "an export with its signed end is sound, in either format") {
    CHECK(verify() == "sound");
    for (const bool csv : {false, true}) {
        const auto read = read_export(text(csv));
        REQUIRE(read.has_value());
        CHECK(said(verify_export(keys, *read, entity)) == "sound");
    }
}

TEST_CASE_METHOD(Exported, "an export that was cut off is never taken for sound") {
    SECTION("at an entry, the end left in place") {
        file.entries.pop_back();
        CHECK(verify() == "broken; 4 entry 4 is missing: the chain was cut off");
    }
    SECTION("with its end") {
        file.heads.clear();
        CHECK(verify() == "unverified" + no_end);
        file.entries.resize(2);
        CHECK(verify() == "unverified" + no_end);
    }
    SECTION("in front") {
        file.entries.erase(file.entries.begin());
        CHECK(verify() == "unverified; 0 the export does not begin with the chain's first entry");
    }
    SECTION("everywhere but at its end") {
        file.entries.clear();
        CHECK(verify() == "broken; 1 entries 1 to 4 are missing: the chain was cut off");
    }
}

TEST_CASE_METHOD(Exported, "an end that was forged is found") {
    file.entries.resize(2);
    ExportHead& end = file.heads[0];
    SECTION("moved back") {
        end.head.seq = 2;
        end.head.hash = file.entries.back().hash;
        end.head.leaves = 0;
    }
    SECTION("without counts") {
        end.head.joins.reset();
        end.head.leaves.reset();
    }
    SECTION("of another chain") {
        end.entity = uuid_v7();
        file.entries.clear();
    }
    SECTION("another signature") {
        end.signature[0] = static_cast<char>(end.signature[0] ^ 1);
    }
    const std::string found = verify();
    CHECK(found.substr(0, found.find(';', 7)) ==
          "broken; 0 the end of the chain has a wrong signature");
}

TEST_CASE_METHOD(Exported, "counts that were changed beside a signed end are found") {
    file.heads[0].head.joins = 7;
    CHECK(verify() == "broken; 0 the end of the chain has a wrong signature" + no_end);
}

TEST_CASE_METHOD(Exported, "an export without the chain that is asked for is not sound") {
    const std::string nothing = "unverified; 0 there is no chain to verify";
    CHECK(said(verify_export(keys, file, uuid_v7())) == nothing);
    for (const std::string& text : {std::string(), csv_header(), std::string("\n")}) {
        INFO(text);
        const auto read = read_export(text);
        if (read.has_value()) CHECK(said(verify_export(keys, *read, std::nullopt)) == nothing);
    }
    REQUIRE(read_export("").has_value());
    REQUIRE(read_export(csv_header()).has_value());
}

TEST_CASE_METHOD(Exported, "without the key an export is neither sound nor broken") {
    PrivacyKeys others({Secret(std::string(32, 'o'))});
    const VerifyReport report = verify_export(others, file, std::nullopt);
    CHECK_FALSE(report.sound());
    CHECK_FALSE(report.broken());
    // One edit that can be seen is enough, whatever else is not known.
    PrivacyKeys both({Secret(std::string(32, 'o')), Secret(std::string(32, 'k'))});
    file.entries[1].kid ^= 1;
    file.entries[3].action = "left";
    CHECK(verify_export(both, file, std::nullopt).broken());
}

TEST_CASE_METHOD(Exported, "pages of a chain in a row are read as one export") {
    const std::size_t half = file.entries.size() / 2;
    std::string csv = csv_header();
    std::string lines;
    for (std::size_t i = 0; i < file.entries.size(); ++i) {
        if (i == half) csv += csv_header();
        csv += entry_csv(file.entries[i]);
        lines += entry_json(file.entries[i]) + "\n";
    }
    csv += head_csv(file.heads[0]);
    lines += head_json(file.heads[0]) + "\n";
    for (const std::string& text : {csv, lines}) {
        const auto read = read_export(text);
        REQUIRE(read.has_value());
        CHECK(said(verify_export(keys, *read, std::nullopt)) == "sound");
    }
}
