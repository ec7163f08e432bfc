#include "audit/checkpoint_verifier.hpp"

#include <algorithm>

namespace subcults::api {
namespace {

std::string name_of(std::int64_t number, UnixMicros at) {
    return "checkpoint " + std::to_string(number) + " (" + format_rfc3339(at) + ")";
}

std::string name_of(const Checkpoint& checkpoint) {
    return name_of(checkpoint.number, checkpoint.at);
}

}  // namespace

void CheckpointVerifier::found(const Uuid& entity, std::int64_t seq, std::string what,
                               bool unjudged) {
    AuditFinding finding;
    finding.entity = entity;
    finding.seq = seq;
    finding.what = std::move(what);
    finding.unjudged = unjudged;
    findings_.push_back(std::move(finding));
}

void CheckpointVerifier::add_stored(const Checkpoint& checkpoint,
                                    const std::vector<Listed>& heads) {
    if (checkpoint.number < 1) {
        found("checkpoint " + std::to_string(checkpoint.number) + " is none that was ever made");
        return;
    }
    const bool follows = checkpoint.number - 1 == last_number_;
    if (!follows) {
        found("checkpoints from " + std::to_string(last_number_ + 1) + " to " +
              std::to_string(checkpoint.number - 1) + " are missing in the database");
    }
    switch (check_signature(keys_, checkpoint)) {
        case SignatureState::unknown_key:
            found(name_of(checkpoint) + " was signed with a key that is not configured", true);
            break;
        case SignatureState::wrong:
            found(name_of(checkpoint) + " in the database has a wrong signature");
            break;
        case SignatureState::right:
            if (follows && checkpoint.previous_root != last_root_) {
                found(name_of(checkpoint) + " does not follow the one before it");
            }
            check_heads(checkpoint, heads);
            newest_ = checkpoint;
            break;
    }
    last_number_ = checkpoint.number;
    last_root_ = checkpoint.root;
    stored_.insert_or_assign(checkpoint.number, checkpoint);
}

void CheckpointVerifier::check_heads(const Checkpoint& checkpoint,
                                     const std::vector<Listed>& heads) {
    std::vector<CheckpointHead> listed;
    listed.reserve(heads.size());
    for (const Listed& head : heads)
        listed.push_back(head.head);
    std::sort(listed.begin(), listed.end(),
              [](const CheckpointHead& a, const CheckpointHead& b) { return a.entity < b.entity; });
    if (checkpoint_root(checkpoint.previous_root, listed) != checkpoint.root) {
        found("the heads listed for " + name_of(checkpoint) + " are not those that it was made of");
    }
    for (const Listed& head : heads) {
        auto wrong = mistake(head, checkpoint.number, checkpoint.at);
        if (wrong) found(head.head.entity, head.head.seq, std::move(*wrong));
    }
}

std::optional<std::string> CheckpointVerifier::mistake(const Listed& head, std::int64_t number,
                                                       const std::optional<UnixMicros>& at) {
    if (!at) {
        return "the entry is listed for checkpoint " + std::to_string(number) +
               ", which does not exist";
    }
    if (!head.today) return name_of(number, *at) + " knows this entry, but it is gone";
    if (*head.today != head.head.hash) {
        return name_of(number, *at) + " knows another entry in this place";
    }
    return std::nullopt;
}

void CheckpointVerifier::add_stray(const Listed& head, std::int64_t number) {
    auto wrong = mistake(head, number, std::nullopt);
    found(head.head.entity, head.head.seq, std::move(*wrong));
}

void CheckpointVerifier::add_uncovered(const Uuid& entity, std::int64_t seq) {
    found(entity, seq, "no checkpoint knows the chain's last entry, which is old enough for one");
}

void CheckpointVerifier::add_exported(std::string_view line, std::size_t line_number) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' '))
        line.remove_suffix(1);
    if (line.empty()) return;
    const std::string place = "line " + std::to_string(line_number) + " of the checkpoint file";
    auto checkpoint = read_checkpoint_line(line);
    if (!checkpoint) {
        found(place + " is no checkpoint");
        return;
    }
    const SignatureState signature = check_signature(keys_, *checkpoint);
    if (signature != SignatureState::right) {
        const bool unjudged = signature == SignatureState::unknown_key;
        found(place + (unjudged ? " was signed with a key that is not configured"
                                : " has a wrong signature"),
              unjudged);
        return;  // what it says is anybody's word; the gap it leaves is part of the same
    }
    ++exported_;
    // A file may begin anywhere, but has no holes: a changed line is one and was said already.
    if (last_exported_ && findings_.empty()) {
        if (checkpoint->number != last_exported_->number + 1) {
            found(place + " has checkpoint " + std::to_string(checkpoint->number) + " after " +
                  std::to_string(last_exported_->number));
        } else if (checkpoint->previous_root != last_exported_->root) {
            found(place + " does not follow the line before it");
        }
    }
    const auto stored = stored_.find(checkpoint->number);
    if (stored == stored_.end()) {
        found(name_of(*checkpoint) +
              " was exported, but is not in the database, which was set "
              "back to an older state");
    } else if (stored->second != *checkpoint) {
        found(name_of(*checkpoint) + " is another one in the database than was exported");
    }
    last_exported_ = std::move(*checkpoint);
}

}  // namespace subcults::api
