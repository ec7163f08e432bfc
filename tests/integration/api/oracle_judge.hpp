// Compares what clients were told with what the database holds.
//
// - Every chain is what was written: each new entry's MAC and link are checked when it is first
// seen.
// - An answer of 200 is in the audit chain exactly once, under a request id of its operation, as
//   the kind of entry it was, and its count is the entry's rank among those of its stream.
// - Attempts with one key have one effect together, and all their answers of 200 say the same.
// - A 503 other than `outcome_unknown` changed nothing; that one, and no answer, may be either.
// - Nothing is half done: counters, chain, participants, stays and keys of a stream tell one story,
//   and so do its row, chain, room and hold on its scene from the moment it is begun.
#pragma once

#include "audit/chain_verifier.hpp"
#include "integration/api/oracle_clients.hpp"
#include "support/postgres.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace subcults::test {

class OracleJudge {
  public:
    // Of `streams`, the last one is locked: only its host may join, and no client is the host.
    OracleJudge(const TestDatabase& database, std::vector<std::string> streams);

    // While nobody writes. What is wrong, in words; empty = nothing.
    std::vector<std::string> examine(const std::vector<OracleOperation>& finished);
    // At the end: what had no answer, and may be there or not, is not there twice.
    std::vector<std::string> examine_the_undecided();

    // Of the answers of 200 that were found where they belong.
    std::uint64_t confirmed() const noexcept { return confirmed_; }
    // Requests without an answer that had been carried out, and that had not.
    std::uint64_t silent_and_done() const noexcept { return silent_and_done_; }
    std::uint64_t silent_and_not_done() const noexcept { return silent_and_not_done_; }

  private:
    struct Entry {
        std::size_t stream = OracleOperation::no_stream;
        std::string session;
        std::string action;
        bool success = false;
        std::int64_t rank = 0;  // among the successes of this action in its stream, from 1
    };
    struct Chain {
        Chain(api::PrivacyKeys& keys, const Uuid& session) : verifier(keys, session) {}
        std::int64_t last_seq = 0;
        api::ChainVerifier verifier;
        std::size_t findings = 0;                       // that have been complained of
        std::map<std::string, std::int64_t> successes;  // by action
    };

    void read_chains();
    void read_entry(const std::string& line);
    void verify(Chain& chain, const api::StoredEntry& stored);
    void judge(const OracleOperation& operation);
    void judge_answers(const OracleOperation& operation, const Entry* effect);
    void judge_token_holders();
    void judge_state();
    void complain(std::string what);
    const Entry* find(const std::string& request_id) const;

    const TestDatabase& database_;
    std::vector<std::string> streams_;
    api::PrivacyKeys keys_;
    std::map<std::string, Chain> chains_;             // by session
    std::unordered_map<std::string, Entry> entries_;  // by request id
    std::unordered_set<std::string> refused_;  // request ids that must never have had an effect
    // Streams and participants of tokens that were given out and have not been looked for yet.
    std::set<std::pair<std::string, std::string>> token_holders_;
    std::vector<OracleOperation> undecided_;
    std::vector<std::string> complaints_;
    std::uint64_t confirmed_ = 0;
    std::uint64_t silent_and_done_ = 0;
    std::uint64_t silent_and_not_done_ = 0;
};

}  // namespace subcults::test
