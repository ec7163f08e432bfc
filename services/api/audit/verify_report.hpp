// What a verification looked at, and what was wrong with it.
#pragma once

#include "audit/chain_verifier.hpp"

#include <algorithm>
#include <vector>

namespace subcults::api {

struct VerifyReport {
    std::vector<AuditFinding> findings;
    std::int64_t chains = 0;
    std::int64_t entries = 0;
    EmptiedEntries emptied;  // as they were found
    EmptiedEntries told;     // as entries about erasures tell
    bool complete = true;    // false: a limit was reached, or a chain was looked at in part

    bool sound() const noexcept { return findings.empty(); }
    // Something is wrong for certain; neither this nor sound() = it cannot be told here.
    bool broken() const noexcept {
        return std::any_of(findings.begin(), findings.end(),
                           [](const AuditFinding& finding) { return !finding.unjudged; });
    }

    void add(const ChainVerifier& chain) {
        ++chains;
        entries += chain.entries();
        emptied += chain.emptied();
        told += chain.told();
        findings.insert(findings.end(), chain.findings().begin(), chain.findings().end());
    }
};

}  // namespace subcults::api
