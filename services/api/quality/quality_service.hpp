// Collections of audio quality: those on request, by whichever replica is asked, and the periodic
// ones, as a background job. One object per process, on the admin thread.
#pragma once

#include "base/trace_context.hpp"
#include "db/pool.hpp"
#include "jobs/job.hpp"
#include "quality/collector.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace subcults::api::quality {

struct ServiceOptions {
    std::string database_uri;           // transactions of one statement or pipeline each
    std::chrono::seconds interval{30};  // 0 = only on request
    bool attributes = false;
    std::function<void(std::string_view statement, double seconds)> on_query;
};

class QualityService {
  public:
    // `rooms` is null where no LiveKit is configured; it must outlive the service.
    QualityService(boost::asio::io_context& io, ServiceOptions options, livekit::RoomService* rooms,
                   QualityMetrics metrics, Log& log);

    // On the io_context's thread, once each.
    void start();
    void stop();

    // May be awaited on any executor; the work is done on the service's thread. `unavailable` once
    // stop() has been called. What LiveKit is asked for it belongs to `trace`.
    boost::asio::awaitable<CollectResult> collect(Uuid session, TraceContext trace);
    // The job quality_collection, for a runner on the io_context. The service must outlive its
    // runs.
    jobs::Job collection_job();

  private:
    using Done = boost::asio::any_completion_handler<void(CollectResult)>;
    // A named function object: a lambda made inside a statement with co_await is miscompiled.
    struct Initiate {
        explicit Initiate(QualityService& owner) : service(owner) {}
        template <class Handler>
        void operator()(Handler&& handler, Uuid session, TraceContext trace,
                        boost::asio::any_io_executor executor) const {
            service.submit(session, std::move(trace), std::move(executor),
                           Done(std::forward<Handler>(handler)));
        }
        QualityService& service;
    };
    template <class CompletionToken>
    auto async_collect(Uuid session, TraceContext trace, boost::asio::any_io_executor executor,
                       CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(CollectResult)>(
            Initiate{*this}, token, session, std::move(trace), std::move(executor));
    }
    void submit(Uuid session, TraceContext trace, boost::asio::any_io_executor executor, Done done);

    boost::asio::io_context& io_;
    ServiceOptions options_;
    db::Pool pool_;
    Collector collector_;

    std::mutex gate_;
    bool closed_ = false;  // nothing may be begun any more
};

}  // namespace subcults::api::quality
