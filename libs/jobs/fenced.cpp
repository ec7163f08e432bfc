#include "jobs/fenced.hpp"

#include <utility>

namespace subcults::jobs {

namespace asio = boost::asio;

asio::awaitable<std::optional<db::Rows>> run_fenced(db::Pool& pool, Run& run,
                                                    db::Statement statement, db::Params params) {
    db::Pipeline pipeline;
    run.begin_fenced(pipeline);
    const std::size_t position = pipeline.size();
    pipeline.add(statement, std::move(params)).command("COMMIT");
    auto lease = co_await pool.acquire(run.deadline());
    if (!lease) {
        run.fail(lease.error());
        co_return std::nullopt;
    }
    auto done = co_await (*lease)->run(statement.name, std::move(pipeline), run.deadline());
    if (!done) {
        run.fail(done.error());
        co_return std::nullopt;
    }
    // The pool replaces a connection that comes back with its transaction open.
    if (!done->ok()) {
        run.fail(*done->error);
        co_return std::nullopt;
    }
    co_return std::move(done->rows[position]);
}

}  // namespace subcults::jobs
