// The body of the job report_generation: every hour and every day, once it is over, becomes a row
// per scene that was live in it and one for all scenes together.
//
// Computing a period again gives the same rows, so it may be done as often as one likes; a row that
// is no different is not touched. What comes late (a departure that LiveKit tells of later, a
// measurement from a client that was cut off, a correction by hand) is noticed by computing each
// period again when twice the time has passed since its end, for three days: what was late by x is
// in the report by 2x. Nothing has to be marked where the data is written, which is the hottest
// path there is. A run that an operator asks for computes all of the last three days.
//
// Threading: the pool's. Cost: one statement per period that is due, some ten times per period.
#pragma once

#include "base/log.hpp"
#include "db/pool.hpp"
#include "jobs/job.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>
#include <vector>

namespace subcults::api::reports {

class ReportRoller {
  public:
    // The pool's connections know statements() and jobs::fence_statements().
    ReportRoller(db::Pool& pool, Log& log) : pool_(pool), log_(log) {}

    // What is due, newest first, as far as the run's time allows; the next run goes on.
    boost::asio::awaitable<void> run(jobs::Run& run);

    static std::vector<db::Statement> statements();

  private:
    db::Pool& pool_;
    Log& log_;
};

}  // namespace subcults::api::reports
