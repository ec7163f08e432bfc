#include "streams/ledger.hpp"

#include "streams/ledger_lane.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <pthread.h>

#include <atomic>
#include <thread>

namespace subcults::api {

namespace asio = boost::asio;

struct Ledger::Impl {
    Impl(LedgerOptions given, std::vector<asio::any_io_executor> worker_executors,
         LedgerMetrics metrics, Log& the_log)
        : options(std::move(given)), workers(std::move(worker_executors)), log(the_log) {
        for (std::size_t i = 0; i < options.lanes; ++i) {
            lanes.push_back(
                std::make_unique<LedgerLane>(io, options, metrics, workers, queued, log));
        }
    }

    void run() {
        pthread_setname_np(pthread_self(), "ledger");
        for (;;) {
            try {
                io.run();
                return;
            } catch (const std::exception& error) {
                log.error("ledger handler threw", {{"what", error.what()}});
            }
        }
    }

    LedgerOptions options;
    std::vector<asio::any_io_executor> workers;
    Log& log;
    asio::io_context io{1};
    std::atomic<std::size_t> queued{0};
    std::atomic<bool> stopping{false};
    std::vector<std::unique_ptr<LedgerLane>> lanes;
    std::thread thread;
};

Ledger::Ledger(LedgerOptions options, std::vector<asio::any_io_executor> workers,
               LedgerMetrics metrics, Log& log)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(workers), std::move(metrics),
                                   log)) {}

Ledger::~Ledger() {
    stop();
}

void Ledger::start() {
    Impl& impl = *impl_;
    for (auto& lane : impl.lanes) {
        asio::co_spawn(impl.io, lane->run(), [&impl](std::exception_ptr failure) {
            if (!failure) return;
            try {
                std::rethrow_exception(failure);
            } catch (const std::exception& error) {
                impl.log.error("ledger lane ended", {{"what", error.what()}});
            }
        });
    }
    impl.thread = std::thread([&impl] { impl.run(); });
}

void Ledger::stop() {
    Impl& impl = *impl_;
    if (!impl.thread.joinable()) return;
    impl.stopping = true;
    asio::post(impl.io, [&impl] {
        for (auto& lane : impl.lanes)
            lane->stop();
    });
    impl.thread.join();
}

std::size_t Ledger::queued() const noexcept {
    return impl_->queued.load(std::memory_order_relaxed);
}

void Ledger::submit(Command command, std::size_t worker, Done done) {
    Impl& impl = *impl_;
    const std::size_t lane = UuidHash{}(command.session) % impl.lanes.size();
    LedgerTicket ticket{std::move(command), worker, std::move(done), 0};

    const std::size_t before = impl.queued.fetch_add(1, std::memory_order_relaxed);
    const bool full = before >= impl.options.max_queued;
    if (!full && !impl.stopping && impl.lanes[lane]->push(ticket)) return;

    impl.queued.fetch_sub(1, std::memory_order_relaxed);
    // The caller is still inside its initiating call: answer from its loop, not from here.
    asio::post(impl.workers[worker], [done = std::move(ticket.done)]() mutable {
        Outcome refused;
        refused.status = Outcome::Status::unavailable;
        std::move(done)(std::move(refused));
    });
}

}  // namespace subcults::api
