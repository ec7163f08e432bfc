#include "audit/export_verifier.hpp"

#include <map>

namespace subcults::api {
namespace {

using Heads = std::map<Uuid, ChainHead>;

void add_finding(VerifyReport& report, const Uuid& entity, std::string what, bool unjudged) {
    AuditFinding finding;
    finding.entity = entity;
    finding.what = std::move(what);
    finding.unjudged = unjudged;
    report.findings.push_back(std::move(finding));
}

// Those that were signed; of several about one chain, the one that says most.
Heads signed_heads(PrivacyKeys& keys, const AuditExport& read, const std::optional<Uuid>& entity,
                   VerifyReport& report) {
    Heads heads;
    for (const ExportHead& head : read.heads) {
        if (entity && head.entity != *entity) continue;
        switch (check_signature(keys, head)) {
            case SignatureState::unknown_key:
                add_finding(report, head.entity,
                            "the end of the chain was signed with a privacy key that is not "
                            "configured",
                            true);
                break;
            case SignatureState::wrong:
                add_finding(report, head.entity, "the end of the chain has a wrong signature",
                            false);
                break;
            case SignatureState::right: {
                const auto [known, added] = heads.try_emplace(head.entity, head.head);
                if (!added && known->second.seq < head.head.seq) known->second = head.head;
                break;
            }
        }
    }
    return heads;
}

}  // namespace

VerifyReport verify_export(PrivacyKeys& keys, const AuditExport& read, std::optional<Uuid> entity) {
    VerifyReport report;
    const Heads heads = signed_heads(keys, read, entity, report);
    std::map<Uuid, ChainVerifier> chains;
    for (const StoredEntry& entry : read.entries) {
        if (entity && entry.entity_id != *entity) continue;
        auto chain = chains.find(entry.entity_id);
        if (chain == chains.end()) {
            const std::int64_t after = entry.seq > 1 ? entry.seq - 1 : 0;
            if (after > 0) {
                add_finding(report, entry.entity_id,
                            "the export does not begin with the chain's first entry", true);
                report.complete = false;
            }
            chain = chains.try_emplace(entry.entity_id, keys, entry.entity_id, after).first;
        }
        chain->second.add(entry);
    }
    for (const auto& [id, head] : heads)
        chains.try_emplace(id, keys, id).first->second.finish(&head);
    for (const auto& [id, chain] : chains) {
        report.add(chain);
        if (heads.contains(id)) continue;
        add_finding(report, id,
                    "nothing that is signed says where the chain ends: the export may be cut off",
                    true);
        report.complete = false;
    }
    if (report.chains == 0) {
        add_finding(report, Uuid{}, "there is no chain to verify", true);
        report.complete = false;
    }
    return report;
}

}  // namespace subcults::api
