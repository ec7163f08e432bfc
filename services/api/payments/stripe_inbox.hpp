// Stripe's webhooks, durably: stored before they are answered, processed later and elsewhere.
//
// An event is one row, however often it is sent. Storing a fresh one wakes the job
// payment_processing, on whatever process, by a notification that is sent with the commit.
#pragma once

#include "db/pool.hpp"
#include "payments/stripe_event.hpp"

#include <boost/asio/awaitable.hpp>

#include <string_view>
#include <vector>

namespace subcults::api::payments {

// Where fresh events are announced.
inline constexpr std::string_view inbox_channel = "subcults_payments";

enum class Stored { fresh, duplicate };

// Stores an event that is useful or dead; when it returns a value, that is committed.
boost::asio::awaitable<db::DbResult<Stored>> put(db::Pool& pool, ReadEvent read,
                                                 UnixMicros received_at, Deadline deadline);
std::vector<db::Statement> put_statements();

}  // namespace subcults::api::payments
