#include "reports/report_roller.hpp"

#include "jobs/fenced.hpp"
#include "reports/report_sql.hpp"

#include <chrono>
#include <utility>

namespace subcults::api::reports {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t periods_at_once = 1000;
// A run that ends by itself before its limit is no failure.
constexpr std::chrono::seconds spare_time{5};
// One period that cannot be computed must not keep the others from it; a database that is away
// fails for all of them alike.
constexpr std::size_t most_failures = 3;

}  // namespace

std::vector<db::Statement> ReportRoller::statements() {
    return {report_sql::due, report_sql::roll};
}

asio::awaitable<void> ReportRoller::run(jobs::Run& run) {
    db::Params params;
    params.boolean(run.cause() == jobs::Cause::request).int8(periods_at_once);
    auto due = co_await pool_.read(report_sql::due, std::move(params), run.deadline());
    if (!due) {
        run.fail(due.error());
        co_return;
    }
    std::int64_t periods = 0;
    std::int64_t changed = 0;
    for (int row = 0; row < due->size(); ++row) {
        const bool late = SteadyClock::now() + spare_time > run.deadline();
        if (run.stopping() || run.fenced_off() || late) break;
        db::Params period;
        period.text(due->text(row, 0)).timestamptz(due->timestamptz(row, 1));
        period.timestamptz(due->timestamptz(row, 2));
        auto done = co_await jobs::run_fenced(pool_, run, report_sql::roll, std::move(period));
        if (done) {
            ++periods;
            changed += done->affected();
        } else if (run.failures().size() >= most_failures) {
            break;
        }
    }
    if (changed > 0) log_.info("reports computed", {{"periods", periods}, {"changed", changed}});
}

}  // namespace subcults::api::reports
