// The body of the job payment_processing: from the inbox into the payments.
//
// Events are taken in batches, oldest first, each with the rows it is about in one transaction that
// also marks the events: a crash repeats a batch or does not, and repeating changes nothing. Events
// of one payment are applied in the order they came, and wait for one before them that could not
// be applied. What makes a batch fail because of its data is found by going through it one by
// one: that event is tried again after growing pauses, and set aside (dead) after the tenth time,
// so that neither its payment nor the others wait for ever. Trouble with the database counts
// against no event.
//
// Threading: the pool's. Cost: four round trips per batch of up to 256 events.
#pragma once

#include "base/log.hpp"
#include "db/pool.hpp"
#include "jobs/job.hpp"
#include "payments/payment_metrics.hpp"
#include "payments/payment_rows.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace subcults::api::payments {

inline constexpr std::int64_t max_attempts = 10;
// The pause after so many attempts in vain, from 1: 5 s, doubled each time, 15 minutes at most.
std::chrono::seconds retry_pause(std::int64_t attempts) noexcept;

class PaymentProcessor {
  public:
    // The pool's connections know statements() and jobs::fence_statements().
    PaymentProcessor(db::Pool& pool, PaymentMetrics& metrics, Log& log)
        : pool_(pool), metrics_(metrics), log_(log) {}

    boost::asio::awaitable<void> run(jobs::Run& run);

    static std::vector<db::Statement> statements();

  private:
    struct Applied {
        enum class Verdict { yes, refused, trouble };
        Verdict verdict = Verdict::trouble;
        db::Error refusal = {};
    };
    boost::asio::awaitable<std::optional<std::vector<WaitingEvent>>> waiting(jobs::Run& run);
    boost::asio::awaitable<Applied> apply(jobs::Run& run, const std::vector<WaitingEvent>& events);
    boost::asio::awaitable<bool> one_by_one(jobs::Run& run, std::vector<WaitingEvent> events);
    boost::asio::awaitable<bool> put_off(jobs::Run& run, const WaitingEvent& item,
                                         const db::Error& refusal);
    boost::asio::awaitable<void> prune(jobs::Run& run);
    static Applied judge(jobs::Run& run, db::Error error);

    db::Pool& pool_;
    PaymentMetrics& metrics_;
    Log& log_;
};

}  // namespace subcults::api::payments
