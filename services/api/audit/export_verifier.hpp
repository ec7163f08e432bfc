// Verifies an exported file, without a database: its entries, and that it ends where the signed
// line about the chain's end says. Pages of one chain may stand one after the other.
//
// A part of a chain proves nothing about the rest: a file that begins in the middle, or without a
// word about the end, or with no chain at all, has findings that are `unjudged`.
// Not thread-safe (MAC contexts).
#pragma once

#include "audit/entry_text.hpp"
#include "audit/verify_report.hpp"

#include <optional>

namespace subcults::api {

// `entity`: only this chain.
VerifyReport verify_export(PrivacyKeys& keys, const AuditExport& read, std::optional<Uuid> entity);

}  // namespace subcults::api
