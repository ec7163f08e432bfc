// Audit entries as text, complete enough to verify them elsewhere with the privacy keys: JSON
// objects and CSV rows with the same fields. Bytes are in lower-case hex, times in RFC 3339 with
// every microsecond, key fingerprints in hex; no keys.
//
// Reading is strict: text that is not exactly what is written here is an error.
#pragma once

#include "audit/chain_verifier.hpp"
#include "base/json_writer.hpp"
#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace subcults::api {

void write_entry(JsonWriter& json, const StoredEntry& entry);
std::string entry_json(const StoredEntry& entry);  // one line, without its end

std::string csv_header();                         // with its line end
std::string entry_csv(const StoredEntry& entry);  // likewise

// The last line of a JSON Lines export: where the chain ended when it was exported.
std::string head_json(const Uuid& entity, const ChainHead& head);

// A whole export, JSON Lines or CSV (told apart by the first character). Errors name the line.
struct AuditExport {
    std::vector<StoredEntry> entries;
    struct Head {
        Uuid entity;
        ChainHead head;
    };
    std::vector<Head> heads;
};
Result<AuditExport, std::string> read_export(std::string_view text);

}  // namespace subcults::api
