#include "audit/checkpoint_verifier.hpp"

#include <algorithm>

namespace subcults::api {
namespace {

std::string name_of(const Checkpoint& checkpoint) {
    return "checkpoint " + std::to_string(checkpoint.number) + " (" +
           format_rfc3339(checkpoint.at) + ")";
}

}  // namespace

void CheckpointVerifier::found(const Uuid& entity, std::int64_t seq, std::string what) {
    AuditFinding finding;
    finding.entity = entity;
    finding.seq = seq;
    finding.what = std::move(what);
    findings_.push_back(std::move(finding));
}

void CheckpointVerifier::add_stored(const Checkpoint& checkpoint,
                                    const std::vector<Listed>& heads) {
    const bool follows = checkpoint.number == last_number_ + 1;
    if (!follows) {
        found("checkpoints from " + std::to_string(last_number_ + 1) + " to " +
              std::to_string(checkpoint.number - 1) + " are missing in the database");
    }
    switch (check_signature(keys_, checkpoint)) {
        case SignatureState::unknown_key:
            found(name_of(checkpoint) + " was signed with a key that is not configured");
            break;
        case SignatureState::wrong:
            found(name_of(checkpoint) + " in the database has a wrong signature");
            break;
        case SignatureState::right:
            if (follows && checkpoint.previous_root != last_root_) {
                found(name_of(checkpoint) + " does not follow the one before it");
            }
            check_heads(checkpoint, heads);
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
        if (!head.today) {
            found(head.head.entity, head.head.seq,
                  name_of(checkpoint) + " knows this entry, but it is gone");
        } else if (*head.today != head.head.hash) {
            found(head.head.entity, head.head.seq,
                  name_of(checkpoint) + " knows another entry in this place");
        }
    }
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
        found(place + (signature == SignatureState::wrong
                           ? " has a wrong signature"
                           : " was signed with a key that is not configured"));
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
