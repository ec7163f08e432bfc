// Do the checkpoints fit each other, the chains of today, and the lines that were exported?
//
// Sans I/O. Feed the stored checkpoints in the order of number, each with its heads as they were
// listed and with what the chains hold at the same places today; then every exported line. A stored
// list that is shorter than what was exported means that the database was set back.
//
// Heads that are listed for no checkpoint, and chains that none covers though it is high time, are
// looked up by whoever feeds this: add_stray(), add_uncovered().
#pragma once

#include "audit/chain_verifier.hpp"
#include "audit/checkpoint.hpp"

#include <map>

namespace subcults::api {

class CheckpointVerifier {
  public:
    explicit CheckpointVerifier(PrivacyKeys& keys) : keys_(keys) {}

    // A head as a checkpoint lists it, and the hash of that entry today (nullopt: it is gone).
    struct Listed {
        CheckpointHead head;
        std::optional<std::string> today;
    };
    void add_stored(const Checkpoint& checkpoint, const std::vector<Listed>& heads);
    // A head that is listed for a checkpoint which does not exist.
    void add_stray(const Listed& head, std::int64_t number);
    // The last entry of a chain, which the newest checkpoint should long know of.
    void add_uncovered(const Uuid& entity, std::int64_t seq);
    // The newest stored one that is ours; nullopt = none.
    const std::optional<Checkpoint>& newest() const noexcept { return newest_; }
    // What is wrong with a listed head; nullopt = nothing. `at` = when the checkpoint was made,
    // nullopt = there is no such checkpoint.
    static std::optional<std::string> mistake(const Listed& head, std::int64_t number,
                                              const std::optional<UnixMicros>& at);
    // A line of a file, numbered from 1. Empty lines are nothing.
    void add_exported(std::string_view line, std::size_t line_number);

    const std::vector<AuditFinding>& findings() const noexcept { return findings_; }
    std::int64_t stored() const noexcept { return static_cast<std::int64_t>(stored_.size()); }
    std::int64_t exported() const noexcept { return exported_; }

  private:
    void found(std::string what, bool unjudged = false) {
        found(Uuid{}, 0, std::move(what), unjudged);
    }
    void found(const Uuid& entity, std::int64_t seq, std::string what, bool unjudged = false);
    void check_heads(const Checkpoint& checkpoint, const std::vector<Listed>& heads);

    PrivacyKeys& keys_;
    std::vector<AuditFinding> findings_;
    std::map<std::int64_t, Checkpoint> stored_;
    std::optional<Checkpoint> newest_;
    std::int64_t last_number_ = 0;
    std::string last_root_ = no_root();
    std::optional<Checkpoint> last_exported_;
    std::int64_t exported_ = 0;
};

}  // namespace subcults::api
