// Reports of many callers as one batch: who may report what, and which rows are written.
//
// Rows leave in the order of their key, in every replica, so that two that write the same keys at
// the same time do not wait in a circle. Of windows with the same participant and seq in one batch
// the first counts.
//
// Decisions and arrays only; no I/O.
#pragma once

#include "db/params.hpp"
#include "db/rows.hpp"
#include "db/statement.hpp"
#include "quality/quality_queries.hpp"

#include <span>
#include <string>
#include <vector>

namespace subcults::api::quality {

struct ReportRequest {
    Uuid session;
    std::string caller_did;  // compared with the host, stored nowhere
    CallerNames names;
    std::vector<Window> windows;
    Deadline deadline{};
};

enum class WindowFate : std::uint8_t { accepted, duplicate, not_present };

struct ReportOutcome {
    enum class Status : std::uint8_t {
        stored,       // committed; see `fates`
        not_found,    // no such session
        ended,        // the session has ended
        forbidden,    // the caller does not take part, or did not when any of this was measured
        kicked,       // the host has removed the caller
        unavailable,  // refused or given up; what was sent may be sent again in any case
        failed,       // an error of ours
    };
    Status status = Status::failed;
    std::vector<WindowFate> fates;  // one per window
};

class ReportBatch {
  public:
    // The requests must outlive the batch and stay where they are.
    explicit ReportBatch(std::vector<const ReportRequest*> requests);

    static const db::Statement& callers_statement() noexcept;
    static const db::Statement& insert_statement() noexcept;

    db::Params callers_params() const;
    // The answer to that: from here on it is known what will be written. May be done again.
    void admit(const db::Rows& callers);

    bool nothing_to_write() const noexcept { return rows_.empty(); }
    db::Params insert_params(UnixMicros received_at) const;
    // The answer to that, after the commit: what of it was new.
    void note_written(const db::Rows& written);

    // One per request, in their order.
    const std::vector<ReportOutcome>& outcomes() const noexcept { return outcomes_; }

  private:
    struct Row {
        std::size_t request = 0;
        std::size_t window = 0;
        const Uuid* session = nullptr;
        const std::string* participant = nullptr;
        const Window* measured = nullptr;
    };
    WindowFate& fate(const Row& row) { return outcomes_[row.request].fates[row.window]; }
    static bool before(const Row& a, const Row& b) noexcept;

    std::vector<const ReportRequest*> requests_;
    std::vector<ReportOutcome> outcomes_;
    std::vector<std::string> participants_;  // of each request, by the session's key
    std::vector<Row> rows_;
};

}  // namespace subcults::api::quality
