#include "livekit/lease.hpp"

namespace subcults::api::livekit {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds lease_limit{3};

constexpr db::Statement take{"livekit_lease_take", "SELECT pg_try_advisory_lock($1::bigint)"};
constexpr db::Statement still_there{"livekit_lease_check", "SELECT true"};

db::ConnectionOptions options(std::string uri) {
    db::ConnectionOptions made;
    made.uri = std::move(uri);
    made.application_name = "subcults-api livekit lease";
    made.connect_timeout = std::chrono::milliseconds(3000);
    made.settings = {{"statement_timeout", "3s"}};
    made.statements = {take, still_there};
    return made;
}

}  // namespace

Lease::Lease(asio::any_io_executor executor, std::string database_uri, std::int64_t key)
    : connection_(std::move(executor), options(std::move(database_uri))), key_(key) {}

asio::awaitable<bool> Lease::hold() {
    if (!connection_.connected()) {
        held_ = false;
        auto connected = co_await connection_.connect();
        if (!connected) co_return false;
    }
    db::Params params;
    if (!held_) params.int8(key_);
    const db::Statement statement = held_ ? still_there : take;
    const Deadline deadline = deadline_in(lease_limit);
    auto rows = co_await connection_.query(statement, std::move(params), deadline);
    held_ = rows.has_value() && !rows->empty() && rows->boolean(0, 0);
    co_return held_;
}

void Lease::stop() noexcept {
    held_ = false;
    connection_.close();
}

}  // namespace subcults::api::livekit
