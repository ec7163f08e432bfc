// What comes back for what was sent: the bookkeeping between libpq's stream of results and the
// answer a caller waits for. No socket, no connection, no clock: fed by hand in the unit tests.
//
// libpq hands out results one at a time and marks the end of each statement with "no result".
// In a pipeline that is: result, end, result, end, …, sync; after a failed statement each further
// one reports "aborted" up to the sync. A dying server may end statements for ever instead.
#pragma once

#include "db/error.hpp"
#include "db/rows.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

struct pg_result;

namespace subcults::db {

struct Reply {
    enum class Kind {
        rows,     // the statement succeeded
        error,    // the server refused it (an SQLSTATE is present)
        dead,     // the server or libpq gave up on the connection
        aborted,  // not run, because an earlier statement of the pipeline failed
        sync,     // the end of the pipeline
        strange,  // what no request of ours asks for (COPY, single-row mode)
    };
    Kind kind = Kind::strange;
    Rows rows = {};
    Error error = {};  // for error and dead
};

// Takes ownership of a result of PQgetResult and says what it is.
Reply read_reply(pg_result* owned);

enum class Progress {
    more,      // ask for the next result
    complete,  // everything that was asked for has been answered
    dead,      // the connection is lost; `failure()` may say why
    nonsense,  // an order of results that the protocol does not know
};

class Replies {
  public:
    virtual ~Replies() = default;
    virtual Progress on_reply(Reply reply) = 0;
    virtual Progress on_end() = 0;
    // The first refusal by the server, or its last words.
    const std::optional<Error>& failure() const noexcept { return failure_; }

  protected:
    std::optional<Error> failure_;
};

// One request outside a pipeline; a string of several commands answers several times.
class SingleReplies final : public Replies {
  public:
    Progress on_reply(Reply reply) override;
    Progress on_end() override { return Progress::complete; }
    // The answer of the first command.
    Rows take_rows() noexcept { return std::move(rows_); }

  private:
    Rows rows_;
    bool answered_ = false;
};

class PipelineReplies final : public Replies {
  public:
    explicit PipelineReplies(std::size_t steps) : steps_(steps) { rows_.reserve(steps); }
    Progress on_reply(Reply reply) override;
    Progress on_end() override;
    // The step that failed; the number of steps when the implicit commit at the end did.
    std::size_t failed_step() const noexcept { return failed_step_; }
    std::vector<Rows> take_rows() noexcept { return std::move(rows_); }

  private:
    std::size_t steps_;
    std::size_t step_ = 0;   // the one whose answer is due
    bool answered_ = false;  // its result has come, its end has not
    std::size_t idle_ends_ = 0;
    std::size_t failed_step_ = 0;
    std::vector<Rows> rows_;
};

}  // namespace subcults::db
