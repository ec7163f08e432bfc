// The database's side of the comparison with the expected fold.
#pragma once

#include "integration/indexer/expected_fold.hpp"
#include "support/postgres.hpp"

#include <rapidjson/document.h>

#include <map>
#include <set>
#include <string>

namespace subcults::test {

inline std::map<FoldKey, FoldedRecord> stored_records(const TestDatabase& database) {
    const std::string rows = database.execute(
        "SELECT coalesce(json_agg(json_build_array(did, collection, rkey, rev, coalesce(cid, ''),"
        " coalesce(record::text, ''))), '[]') FROM records");
    rapidjson::Document document;
    document.Parse(rows.data(), rows.size());
    std::map<FoldKey, FoldedRecord> records;
    for (const auto& row : document.GetArray()) {
        FoldedRecord record;
        record.rev = row[3].GetString();
        record.cid = row[4].GetString();
        const std::string json = row[5].GetString();
        if (!json.empty()) record.record = canonical_json(json);
        records[{row[0].GetString(), row[1].GetString(), row[2].GetString()}] = record;
    }
    return records;
}

// How many records differ from the expectation, missing and surplus ones included.
inline std::size_t differences(const TestDatabase& database, const ExpectedFold& expected) {
    const auto stored = stored_records(database);
    std::size_t different = 0;
    for (const auto& [key, record] : expected.records) {
        const auto found = stored.find(key);
        if (found == stored.end() || !(found->second == record)) ++different;
    }
    for (const auto& [key, record] : stored) {
        if (!expected.records.contains(key)) ++different;
    }
    return different;
}

// "at-uri rev" of everything that the typed tables show.
inline std::set<std::string> stored_typed_rows(const TestDatabase& database) {
    std::string rows = database.execute(
        "SELECT coalesce(string_agg(uri || ' ' || rev || E'\\n', ''), '') FROM ("
        "SELECT uri, rev FROM scenes WHERE deleted_at IS NULL UNION ALL"
        " SELECT uri, rev FROM events WHERE deleted_at IS NULL UNION ALL"
        " SELECT uri, rev FROM posts WHERE deleted_at IS NULL UNION ALL"
        " SELECT uri, rev FROM alliances WHERE deleted_at IS NULL UNION ALL"
        " SELECT uri, rev FROM memberships WHERE deleted_at IS NULL) t");
    std::set<std::string> found;
    for (std::size_t end = 0; (end = rows.find('\n')) != std::string::npos; rows.erase(0, end + 1))
        found.insert(rows.substr(0, end));
    return found;
}

// The same of an expectation all of whose records are valid.
inline std::set<std::string> expected_typed_rows(const ExpectedFold& expected) {
    const std::set<std::string> collections{
        "tv.subcult.scene", "app.subcult.scene",    "tv.subcult.event",      "app.subcult.event",
        "app.subcult.post", "app.subcult.alliance", "app.subcult.membership"};
    std::set<std::string> rows;
    for (const auto& [key, record] : expected.records) {
        const auto& [did, collection, rkey] = key;
        if (record.record.empty() || !collections.contains(collection)) continue;
        rows.insert("at://" + did + "/" + collection + "/" + rkey + " " + record.rev);
    }
    return rows;
}

inline std::map<std::string, FoldedAccount> stored_accounts(const TestDatabase& database) {
    const std::string rows = database.execute(
        "SELECT coalesce(json_agg(json_build_array(did, coalesce(handle, ''),"
        " coalesce(status, ''))), '[]') FROM accounts");
    rapidjson::Document document;
    document.Parse(rows.data(), rows.size());
    std::map<std::string, FoldedAccount> accounts;
    for (const auto& row : document.GetArray()) {
        accounts[row[0].GetString()] = FoldedAccount{row[1].GetString(), row[2].GetString()};
    }
    return accounts;
}

inline std::set<std::string> stored_hidden_accounts(const TestDatabase& database) {
    const std::string rows =
        database.execute("SELECT coalesce(json_agg(did), '[]') FROM hidden_accounts");
    rapidjson::Document document;
    document.Parse(rows.data(), rows.size());
    std::set<std::string> hidden;
    for (const auto& did : document.GetArray())
        hidden.insert(did.GetString());
    return hidden;
}

}  // namespace subcults::test
