// What a stream of events should leave behind, computed independently of the product: RapidJSON
// instead of simdjson, a map instead of SQL, canonical JSON text instead of jsonb.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace subcults::test {

using FoldKey = std::tuple<std::string, std::string, std::string>;  // did, collection, rkey

struct FoldedRecord {
    std::string rev;
    std::string cid;
    std::string record;  // canonical JSON; empty = deleted
    bool operator==(const FoldedRecord&) const = default;
};

struct FoldedAccount {
    std::string handle;  // empty = unknown
    std::string status;  // empty = active
    bool operator==(const FoldedAccount&) const = default;
};

struct ExpectedFold {
    std::map<FoldKey, FoldedRecord> records;
    // From their first record on; what was said of them before is not known.
    std::map<std::string, FoldedAccount> accounts;
    std::set<std::string> hidden;  // of the accounts
    std::size_t live() const;
};

// Folds frames in order, each once, as the network meant them. Frames that are no JSON are skipped.
ExpectedFold fold_frames(const std::vector<std::string>& frames);

// Sorted keys, no blanks: equal values have equal texts.
std::string canonical_json(const std::string& json);

std::vector<std::string> read_lines(const std::string& path);

}  // namespace subcults::test
