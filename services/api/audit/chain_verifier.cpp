#include "audit/chain_verifier.hpp"

#include "audit/named_counts.hpp"

#include <algorithm>

namespace subcults::api {
namespace {

constexpr std::string_view does_not_match = "the entry does not match its hash";

std::optional<Tag128> tag_of(const std::optional<std::string>& bytes) {
    Tag128 tag{};
    if (!bytes || bytes->size() != tag.size()) return std::nullopt;
    std::copy(bytes->begin(), bytes->end(), tag.begin());
    return tag;
}

std::string range(std::int64_t first, std::int64_t last) {
    if (first == last) return "entry " + std::to_string(first) + " is missing";
    return "entries " + std::to_string(first) + " to " + std::to_string(last) + " are missing";
}

// The entry as it is hashed; nullopt when it has a shape that no entry of ours has. The views of
// the result point into `stored`.
std::optional<AuditEntry> covered_part(const StoredEntry& stored) {
    const auto commitment = tag_of(stored.commitment);
    const auto target = tag_of(stored.target_commitment);
    if (!commitment || stored.version < 1 || stored.version > 2) return std::nullopt;
    if ((stored.version == 2) != target.has_value()) return std::nullopt;
    if (stored.version == 1 && stored.target_commitment) return std::nullopt;
    AuditEntry entry;
    entry.entity_type = stored.entity_type;
    entry.entity_id = stored.entity_id;
    entry.seq = stored.seq;
    entry.action = stored.action;
    entry.outcome = stored.outcome;
    entry.commitment = *commitment;
    entry.request_id = stored.request_id;
    entry.created_at = stored.created_at;
    entry.kid = stored.kid;
    if (target) {
        entry.target.emplace();
        entry.target->commitment = *target;
    }
    return entry;
}

}  // namespace

void ChainVerifier::found(std::int64_t seq, std::string what, bool unjudged) {
    AuditFinding finding;
    finding.entity = entity_;
    finding.seq = seq;
    finding.what = std::move(what);
    finding.unjudged = unjudged;
    findings_.push_back(std::move(finding));
}

void ChainVerifier::add(const StoredEntry& entry) {
    ++entries_;
    if (entry.entity_id != entity_) {
        found(entry.seq, "the entry is of another entity");
        return;
    }
    if (entry.seq <= last_seq_) {
        found(entry.seq, "the entry's number is out of order");
        return;
    }
    const bool anchor = partial_ && entries_ == 1;  // what came before it was not shown
    if (entry.seq != last_seq_ + 1) {
        found(last_seq_ + 1, range(last_seq_ + 1, entry.seq - 1));
        linked_ = false;
    }
    if (anchor) linked_ = false;
    last_seq_ = entry.seq;
    last_at_ = entry.created_at;
    last_type_ = entry.entity_type;
    count(entry);
    check(entry);
    stored_hash_ = entry.hash;
    linked_ = true;
}

void ChainVerifier::count(const StoredEntry& entry) {
    if (!entry.actor && !entry.nonce) ++emptied_.actors;
    if (entry.version == 2 && !entry.target && !entry.target_nonce) ++emptied_.targets;
    if (entry.outcome != "success") return;
    if (entry.action == "joined") ++joins_;
    if (entry.action == "left") ++leaves_;
    if (entry.action == "erased" && entry.entity_type == audit_log_entity_type) {
        const auto counts = read_counts(erased_counts, entry.request_id);
        if (!counts) return;
        told_.actors += counts->first;
        told_.targets += counts->second;
    }
}

void ChainVerifier::check(const StoredEntry& entry) {
    const std::string right_before = std::move(right_hash_);
    right_hash_.clear();
    last_fits_ = true;
    if (!keys_.knows(entry.kid)) {
        found(entry.seq, "the entry was made with a privacy key that is not configured", true);
        return;
    }
    const auto covered = covered_part(entry);
    if (!covered) {
        last_fits_ = false;
        found(entry.seq, "the entry has columns of a wrong shape");
        return;
    }
    if (linked_) {
        const Digest256 expected = audit_hash(keys_, *covered, stored_hash_);
        right_hash_ = subcults::as_view(expected);
        bool fits = constant_time_equal(right_hash_, entry.hash);
        if (!fits && !right_before.empty()) {
            // Perhaps only the hash before was changed, and that has been said already.
            const Digest256 other = audit_hash(keys_, *covered, right_before);
            fits = constant_time_equal(subcults::as_view(other), entry.hash);
            if (fits) right_hash_ = entry.hash;
        }
        if (!fits) found(entry.seq, std::string(does_not_match));
        last_fits_ = fits;
    }
    check_hidden(entry);
}

void ChainVerifier::check_hidden(const StoredEntry& entry) {
    const auto one = [this, &entry](const std::optional<std::string>& who,
                                    const std::optional<std::string>& nonce,
                                    std::string_view commitment, std::string_view name,
                                    auto commit) {
        if (!who && !nonce) return;
        const auto tag = tag_of(who);
        const auto salt = tag_of(nonce);
        if (!tag || !salt) {
            found(entry.seq, "the entry's " + std::string(name) + " is there in part only");
        } else if (!constant_time_equal(as_view(commit(*tag, *salt)), commitment)) {
            found(entry.seq, "the entry's " + std::string(name) + " does not match its commitment");
        }
    };
    const std::int64_t kid = entry.kid;
    one(entry.actor, entry.nonce, entry.commitment, "actor",
        [this, kid](const Tag128& who, const Tag128& nonce) {
            return keys_.commitment(kid, who, nonce);
        });
    const std::string target_commitment = entry.target_commitment.value_or("");
    one(entry.target, entry.target_nonce, target_commitment, "target",
        [this, kid](const Tag128& who, const Tag128& nonce) {
            return keys_.target_commitment(kid, who, nonce);
        });
}

void ChainVerifier::finish(const ChainHead* head) {
    if (head == nullptr) {
        if (entries_ > 0) found(0, "the chain has entries, but nothing knows of it");
        return;
    }
    if (last_seq_ < head->seq) {
        found(last_seq_ + 1, range(last_seq_ + 1, head->seq) + ": the chain was cut off");
    } else if (last_seq_ > head->seq) {
        found(head->seq + 1,
              "the chain goes on beyond its head, which is at entry " + std::to_string(head->seq));
    } else if (entries_ > 0) {
        check_head(*head);
    }
    if (head->twice) found(0, "more than one row claims to know the chain's end");
    check_counts(*head);
}

// The head is at the last entry; whether it is of it.
void ChainVerifier::check_head(const ChainHead& head) {
    if (head.hash != stored_hash_ && head.hash != right_hash_) {
        found(head.seq, "the head does not match the chain's last entry");
    }
    if (!last_fits_) return;  // the entry's time and type are anybody's word
    if (head.at && *head.at != last_at_) {
        found(head.seq, "the head's time is not that of the chain's last entry");
    }
    if (head.entity_type && *head.entity_type != last_type_) {
        found(head.seq, "the head is of another type of entity than the chain's last entry");
    }
}

void ChainVerifier::check_counts(const ChainHead& head) {
    // A chain that is not sound tells nothing about counts.
    if (partial_ || !findings_.empty()) return;
    const auto compare = [this](const std::optional<std::int64_t>& counted, std::int64_t told,
                                std::string_view name) {
        if (!counted || *counted == told) return;
        found(0, std::string(name) + " is " + std::to_string(*counted) +
                     ", but the chain tells of " + std::to_string(told));
    };
    compare(head.joins, joins_, "join_count");
    compare(head.leaves, leaves_, "leave_count");
}

}  // namespace subcults::api
