#include "sim/fold.hpp"

#include <algorithm>

namespace subcults::sim {

using jetstream::Kind;
using jetstream::Operation;

void Fold::apply(const GeneratedEvent& event) {
    if (event.kind == Kind::identity) {
        Account& account = accounts_[event.did];
        if (event.upstream_seq <= account.identity_seq) return;
        account.identity_seq = event.upstream_seq;
        if (event.handle) account.handle = *event.handle;
        return;
    }
    if (event.kind == Kind::account) {
        Account& account = accounts_[event.did];
        if (event.upstream_seq <= account.account_seq) return;
        account.account_seq = event.upstream_seq;
        account.active = event.active;
        account.status = event.status.value_or("");
        if (event.active || account.status != "deleted") return;
        auto at = entries_.lower_bound(Key{event.did, "", ""});
        for (; at != entries_.end() && at->first.did == event.did; ++at) {
            at->second.record.clear();
            at->second.cid.clear();
        }
        return;
    }
    Entry& entry = entries_[Key{event.did, event.collection, event.rkey}];
    if (event.rev <= entry.rev) return;
    entry.rev = event.rev;
    entry.cid = event.cid;
    entry.record = event.operation == Operation::del ? std::string() : event.record;
}

std::size_t Fold::live() const noexcept {
    return static_cast<std::size_t>(std::count_if(
        entries_.begin(), entries_.end(), [](const auto& item) { return item.second.live(); }));
}

std::size_t Fold::visible() const noexcept {
    return static_cast<std::size_t>(
        std::count_if(entries_.begin(), entries_.end(), [this](const auto& item) {
            const auto account = accounts_.find(item.first.did);
            return item.second.live() && (account == accounts_.end() || account->second.active);
        }));
}

}  // namespace subcults::sim
