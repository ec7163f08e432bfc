// The database's side of the comparison with the expected fold.
#pragma once

#include "integration/indexer/expected_fold.hpp"
#include "support/postgres.hpp"

#include <rapidjson/document.h>

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

}  // namespace subcults::test
