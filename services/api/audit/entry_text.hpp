// Audit entries as text, complete enough to verify them elsewhere with the privacy keys: JSON
// objects and CSV rows with the same fields. Bytes are in lower-case hex, times in RFC 3339 with
// every microsecond, key fingerprints in hex; no keys.
//
// The end of a chain is a line of its own, signed (export_head.hpp). In CSV it has the columns of
// entries: entity_type is "chain_head", seq and hash are the last entry's, commitment holds the
// signature, request_id the counts ("joins-2-leaves-1"), and what an entry has besides is empty.
//
// Reading is strict: text that is not exactly what is written here is an error.
#pragma once

#include "audit/chain_verifier.hpp"
#include "audit/export_head.hpp"
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

// Where the chain ended when it was exported.
std::string head_json(const ExportHead& head);  // one line, without its end
std::string head_csv(const ExportHead& head);   // with its line end

// A whole export, JSON Lines or CSV (told apart by the first character), or several pages of one
// in a row. Errors name the line.
struct AuditExport {
    std::vector<StoredEntry> entries;
    std::vector<ExportHead> heads;
};
Result<AuditExport, std::string> read_export(std::string_view text);

}  // namespace subcults::api
