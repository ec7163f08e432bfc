// Reads of one kind that a worker answers from memory where it may.
//
// What is served was true at most CacheLimits::max_age before the request came, and includes every
// change that the stamps knew of by then. Requests for what is just being read wait for that answer
// instead of asking too, so a crowd that finds a value gone costs one query per worker.
//
// What does not exist is not kept: a value takes memory only if its row is there. Errors are shared
// by those who wait, and not kept either.
//
// Threading: one worker's. Cost of a hit: a look-up in a hash table.
#pragma once

#include "cache/bounded_cache.hpp"
#include "cache/cache_metrics.hpp"
#include "cache/stamps.hpp"
#include "db/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

namespace subcults::api {

template <class T>
class CachedReads {
  public:
    using Found = std::shared_ptr<const T>;  // null = there is no such thing
    using Answer = db::DbResult<Found>;
    // Asks the database.
    using Load =
        std::function<boost::asio::awaitable<db::DbResult<std::optional<T>>>(Uuid, Deadline)>;

    CachedReads(boost::asio::any_io_executor executor, CacheLimits limits, const Stamps& stamps,
                CacheMetrics metrics, Load load)
        : executor_(std::move(executor)),
          cache_(limits),
          stamps_(stamps),
          metrics_(metrics),
          load_(std::move(load)) {}
    CachedReads(const CachedReads&) = delete;
    CachedReads& operator=(const CachedReads&) = delete;

    boost::asio::awaitable<Answer> get(Uuid id, Deadline deadline) {
        if (!cache_.limits().enabled()) {
            auto loaded = co_await load_(id, deadline);
            co_return answer_of(std::move(loaded));
        }
        const auto now = SteadyClock::now();
        const std::uint64_t stamp = stamps_.of(id);
        if (const Found* hit = cache_.find(id, stamp, now)) {
            metrics_.hits.increment();
            co_return *hit;
        }
        const std::shared_ptr<Flight> flight = board(id, stamp, now, deadline);
        while (!flight->answer) {
            co_await flight->landed.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        }
        co_return *flight->answer;
    }

  private:
    // One question to the database, and everybody who waits for its answer.
    struct Flight {
        Flight(const boost::asio::any_io_executor& executor, std::uint64_t taken,
               SteadyClock::time_point now)
            : landed(executor, SteadyClock::time_point::max()), stamp(taken), asked_at(now) {}
        boost::asio::steady_timer landed;  // cancelled when the answer is there
        std::uint64_t stamp;
        SteadyClock::time_point asked_at;
        std::optional<Answer> answer;
    };

    static Answer answer_of(db::DbResult<std::optional<T>> loaded) {
        if (!loaded) return std::move(loaded).error();
        Found found;
        if (*loaded) found = std::make_shared<const T>(std::move(**loaded));
        return found;
    }

    std::shared_ptr<Flight> board(const Uuid& id, std::uint64_t stamp, SteadyClock::time_point now,
                                  Deadline deadline) {
        const auto under_way = flights_.find(id);
        if (under_way != flights_.end()) {
            const Flight& flight = *under_way->second;
            // One that has left before a change does not know of it.
            if (flight.stamp == stamp && now - flight.asked_at < cache_.limits().max_age) {
                metrics_.joined.increment();
                return under_way->second;
            }
        }
        metrics_.misses.increment();
        auto flight = std::make_shared<Flight>(executor_, stamp, now);
        flights_[id] = flight;
        // Of its own, so that it does not end with the request that was the first to ask.
        auto landed = [this, id, flight](std::exception_ptr failed) { land(id, flight, failed); };
        boost::asio::co_spawn(executor_, fly(id, flight, deadline), std::move(landed));
        return flight;
    }

    boost::asio::awaitable<void> fly(Uuid id, std::shared_ptr<Flight> flight, Deadline deadline) {
        auto loaded = co_await load_(id, deadline);
        flight->answer = answer_of(std::move(loaded));
        if (flight->answer->has_value() && **flight->answer != nullptr) {
            cache_.store(id, **flight->answer, flight->stamp, flight->asked_at);
        }
    }

    void land(const Uuid& id, const std::shared_ptr<Flight>& flight, std::exception_ptr failed) {
        const auto place = flights_.find(id);
        if (place != flights_.end() && place->second == flight) flights_.erase(place);
        if (!flight->answer) {
            db::Error error;
            error.kind = db::ErrorKind::protocol;
            error.message = "the read ended without an answer";
            flight->answer = Answer(std::move(error));
        }
        flight->landed.cancel();
        if (failed) std::rethrow_exception(failed);  // the worker's loop reports it
    }

    boost::asio::any_io_executor executor_;
    BoundedCache<Found> cache_;
    const Stamps& stamps_;
    CacheMetrics metrics_;
    Load load_;
    std::unordered_map<Uuid, std::shared_ptr<Flight>, UuidHash> flights_;
};

}  // namespace subcults::api
