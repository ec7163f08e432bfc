// One statement of a run in a transaction of its own, behind the run's fence.
#pragma once

#include "db/pool.hpp"
#include "jobs/job.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>

namespace subcults::jobs {

// The answer to the statement once it is committed. nullopt = it failed, and the run has been told.
// The pool's connections must know the statement and fence_statements().
boost::asio::awaitable<std::optional<db::Rows>> run_fenced(db::Pool& pool, Run& run,
                                                           db::Statement statement,
                                                           db::Params params);

}  // namespace subcults::jobs
