#include "db/driver.hpp"

#include <libpq-fe.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace asio = boost::asio;

namespace subcults::db {

namespace {

using Descriptor = asio::posix::stream_descriptor;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

std::string one_line(std::string_view text) {
    return std::string(text.substr(0, text.find('\n')));
}

// libpq 15 has no accessor for the SQLSTATE of a failed connect, but its verbose message does:
// "… FATAL:  3D000: database …", in whatever language the severity is.
std::string sqlstate_in(std::string_view message) {
    constexpr std::string_view mark = ":  ";
    for (auto at = message.find(mark); at != std::string_view::npos;
         at = message.find(mark, at + 1)) {
        const auto code = message.substr(at + mark.size(), 5);
        const auto fits = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
        if (code.size() == 5 && std::ranges::all_of(code, fits) &&
            message.substr(at + mark.size() + 5, 2) == ": ") {
            return std::string(code);
        }
    }
    return {};
}

}  // namespace

Driver::Driver(asio::any_io_executor executor)
    : descriptor_(executor), resolver_(executor), name_wait_(executor), watchdog_(executor) {}

Driver::~Driver() {
    discard();
}

int Driver::backend_pid() const noexcept {
    return ready_ ? PQbackendPID(conn_) : 0;
}

bool Driver::idle() noexcept {
    return ready_ && !busy_ && PQtransactionStatus(conn_) == PQTRANS_IDLE && alive();
}

void Driver::close() noexcept {
    ++epoch_;
    busy_ = false;
    discard();
    try {
        watchdog_.cancel();
        name_wait_.cancel();
        resolver_.cancel();
    } catch (...) {
        // Cancelling fails only where there is nothing to cancel; the epoch has moved on anyway.
    }
    watching_ = false;
    ++watchdog_set_;
}

void Driver::discard() noexcept {
    ready_ = false;
    // The descriptor lets go first: libpq closes the socket, and a number that is in use again
    // must not be watched under the old registration.
    unbind();
    if (conn_ != nullptr) PQfinish(std::exchange(conn_, nullptr));
}

bool Driver::bind() noexcept {
    const int socket = PQsocket(conn_);
    if (descriptor_.is_open() && descriptor_.native_handle() == socket) return true;
    unbind();
    if (socket < 0) return false;
    boost::system::error_code failed;
    descriptor_.assign(socket, failed);
    return !failed;
}

void Driver::unbind() noexcept {
    if (descriptor_.is_open()) static_cast<void>(descriptor_.release());
}

void Driver::on_notice(void* self, const pg_result* notice) noexcept {
    const char* sqlstate = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
    const char* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (sqlstate == nullptr || severity == nullptr) return;
    const std::string_view code(sqlstate);
    const std::string_view level(severity);
    // A crash or an immediate shutdown announces itself as a warning (57P01, 57P02); between
    // queries a FATAL arrives as a notice as well.
    const bool fatal = level == "FATAL" || level == "PANIC";
    if (!fatal && code != "57P01" && code != "57P02") return;
    auto& driver = *static_cast<Driver*>(self);
    try {
        const char* message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
        driver.last_words_ = message == nullptr ? "" : message;
        driver.last_words_sqlstate_ = code;
    } catch (const std::bad_alloc&) {
        driver.last_words_.clear();
    }
    driver.dying_ = true;
}

bool Driver::alive() noexcept {
    if (!ready_) return false;
    // What may wait here is a notification, a changed setting or the server's farewell; a flood
    // of the first need not be emptied.
    for (int i = 0; i < 8 && !dying_; ++i) {
        char byte = 0;
        const auto count = ::recv(PQsocket(conn_), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0 || PQconsumeInput(conn_) == 0) {
            PQisBusy(conn_);  // parses what came before the end
            discard();
            return false;
        }
        PQisBusy(conn_);
    }
    if (dying_) discard();
    return ready_;
}

// --- the clock -----------------------------------------------------------------------------------

void Driver::watch(Deadline deadline) {
    expired_ = false;
    deadline_ = deadline;
    if (deadline == Deadline::max()) return;
    if (watching_ && watchdog_at_ <= deadline) return;
    watching_ = true;
    watchdog_at_ = deadline;
    watchdog_.expires_at(deadline);
    watchdog_.async_wait([weak = weak_from_this(), set = ++watchdog_set_](auto) {
        const auto self = weak.lock();
        if (self && self->watchdog_set_ == set) self->on_timer();
    });
}

void Driver::on_timer() {
    watching_ = false;
    if (!busy_) return;
    if (SteadyClock::now() < deadline_) {
        watch(deadline_);
        return;
    }
    expired_ = true;
    boost::system::error_code ignored;
    descriptor_.cancel(ignored);
    name_wait_.cancel();
}

Driver::Wake Driver::woken(std::uint64_t epoch) const noexcept {
    if (epoch != epoch_) return Wake::closed;
    return expired_ ? Wake::expired : Wake::ready;
}

asio::awaitable<Driver::Wake> Driver::wait(Descriptor::wait_type what) {
    const auto epoch = epoch_;
    if (expired_) co_return Wake::expired;
    auto result = co_await descriptor_.async_wait(what, as_result);
    const auto& [failed] = result;
    const auto wake = woken(epoch);
    // Cancelled from outside: as good as closed, since nobody waits for the answer any more.
    co_return wake == Wake::ready&& failed ? Wake::closed : wake;
}

// Only for a socket that takes no more at the moment, so its price does not matter.
asio::awaitable<Driver::Wake> Driver::wait_read_or_write() {
    const auto epoch = epoch_;
    if (expired_) co_return Wake::expired;
    auto either = asio::experimental::make_parallel_group(
        descriptor_.async_wait(Descriptor::wait_read, asio::deferred),
        descriptor_.async_wait(Descriptor::wait_write, asio::deferred));
    const asio::experimental::wait_for_one first;
    const auto result = co_await either.async_wait(first, asio::use_awaitable);
    const auto& [order, read_failed, write_failed] = result;
    const auto wake = woken(epoch);
    const bool failed = order[0] == 0 ? read_failed.failed() : write_failed.failed();
    co_return wake == Wake::ready&& failed ? Wake::closed : wake;
}

Error Driver::error(ErrorKind kind, std::string message) const {
    Error result;
    result.kind = kind;
    result.message = one_line(message);
    return result;
}

Error Driver::interrupted(Wake wake) const {
    return wake == Wake::expired ? error(ErrorKind::timeout, "the deadline passed")
                                 : error(ErrorKind::cancelled, "the connection was closed");
}

Error Driver::lost() const {
    Error result = error(ErrorKind::connection_lost, last_words_);
    result.sqlstate = last_words_sqlstate_;
    if (!dying_ && conn_ != nullptr) result.message = one_line(PQerrorMessage(conn_));
    if (result.message.empty()) result.message = "the server closed the connection";
    return result;
}

// --- connecting ----------------------------------------------------------------------------------

namespace {

struct Resolution {
    bool done = false;
    boost::system::error_code failed;
    std::vector<std::string> addresses;
};

}  // namespace

asio::awaitable<DbResult<std::vector<std::string>>> Driver::resolve(std::string host,
                                                                    Deadline deadline) {
    watch(deadline);
    const auto epoch = epoch_;
    const auto found = std::make_shared<Resolution>();
    name_wait_.expires_at(Deadline::max());
    resolver_.async_resolve(
        host, "", [found, weak = weak_from_this(), epoch](auto failed, auto results) {
            found->done = true;
            found->failed = failed;
            for (const auto& entry : results) {
                auto address = entry.endpoint().address().to_string();
                if (std::ranges::find(found->addresses, address) == found->addresses.end()) {
                    found->addresses.push_back(std::move(address));
                }
            }
            const auto self = weak.lock();
            if (self && self->epoch_ == epoch) self->name_wait_.cancel();
        });
    static_cast<void>(co_await name_wait_.async_wait(as_result));
    const auto wake = woken(epoch);
    if (wake == Wake::closed) co_return interrupted(wake);
    if (found->done && !found->addresses.empty()) co_return std::move(found->addresses);
    std::string message = "cannot resolve ";
    message.append(host).append(": ");
    message.append(found->done ? found->failed.message() : std::string("no answer in time"));
    co_return error(ErrorKind::unavailable, std::move(message));
}

asio::awaitable<DbResult<void>> Driver::attempt(Keywords keywords, Deadline deadline) {
    discard();
    dying_ = false;
    last_words_.clear();
    last_words_sqlstate_.clear();
    watch(deadline);

    std::vector<const char*> keys;
    std::vector<const char*> values;
    for (const auto& [key, value] : keywords) {
        keys.push_back(key.c_str());
        values.push_back(value.c_str());
    }
    keys.push_back(nullptr);
    values.push_back(nullptr);
    conn_ = PQconnectStartParams(keys.data(), values.data(), 0);
    if (conn_ == nullptr) throw std::bad_alloc();
    PQsetErrorVerbosity(conn_, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(conn_, &Driver::on_notice, this);

    auto step = PQstatus(conn_) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (step != PGRES_POLLING_OK) {
        if (step == PGRES_POLLING_FAILED || !bind()) {
            const std::string message = PQerrorMessage(conn_);
            auto failure = error(ErrorKind::unavailable, message);
            failure.sqlstate = sqlstate_in(message);
            if (!failure.sqlstate.empty()) failure.kind = ErrorKind::server;
            discard();
            co_return failure;
        }
        const auto what =
            step == PGRES_POLLING_READING ? Descriptor::wait_read : Descriptor::wait_write;
        const auto wake = co_await wait(what);
        if (wake == Wake::closed) co_return interrupted(wake);
        if (wake == Wake::expired) {
            discard();
            co_return error(ErrorKind::unavailable, "connecting took too long");
        }
        // libpq may close its socket here and open another one, perhaps under the same number
        // (a second try without TLS), so the registration does not outlive the step.
        unbind();
        step = PQconnectPoll(conn_);
    }
    PQsetErrorVerbosity(conn_, PQERRORS_DEFAULT);
    if (PQsetnonblocking(conn_, 1) != 0 || !bind()) {
        discard();
        co_return error(ErrorKind::unavailable, "the socket cannot be watched");
    }
    co_return DbResult<void>();
}

// --- talking -------------------------------------------------------------------------------------

// A TLS record may hold more than libpq has taken out of it; the socket does not show that.
bool Driver::more_in_tls() const noexcept {
    auto* tls = static_cast<SSL*>(PQsslStruct(conn_, "OpenSSL"));
    return tls != nullptr && SSL_pending(tls) > 0;
}

asio::awaitable<std::optional<Error>> Driver::receive() {
    if (!more_in_tls()) {
        const auto wake = co_await wait(Descriptor::wait_read);
        if (wake != Wake::ready) co_return interrupted(wake);
    }
    // A failure shows in the next result, after everything that arrived before the end.
    static_cast<void>(PQconsumeInput(conn_));
    co_return std::nullopt;
}

asio::awaitable<std::optional<Error>> Driver::converse(Replies& replies,
                                                       const std::function<void()>* when_sent) {
    while (PQflush(conn_) > 0) {
        // The server may be blocked on sending to us before it reads on: take what it has.
        const auto wake = co_await wait_read_or_write();
        if (wake != Wake::ready) co_return interrupted(wake);
        if (PQconsumeInput(conn_) == 0) break;
    }
    if (when_sent != nullptr && *when_sent) (*when_sent)();
    for (;;) {
        while (PQisBusy(conn_) != 0) {
            auto failure = co_await receive();
            if (failure) co_return failure;
        }
        auto* result = PQgetResult(conn_);
        const auto progress =
            result == nullptr ? replies.on_end() : replies.on_reply(read_reply(result));
        switch (progress) {
            case Progress::more:
                break;
            case Progress::complete:
                co_return std::nullopt;
            case Progress::dead: {
                const auto& said = replies.failure();
                if (said && !said->sqlstate.empty()) co_return said;
                if (dying_ || PQstatus(conn_) == CONNECTION_BAD) co_return lost();
                // libpq gave up on what it read, not on the socket.
                co_return error(ErrorKind::protocol, said ? said->message : std::string());
            }
            case Progress::nonsense:
                if (PQstatus(conn_) == CONNECTION_BAD) co_return lost();
                co_return error(ErrorKind::protocol, "results came in an impossible order");
        }
    }
}

// --- operations ----------------------------------------------------------------------------------

Operation::Operation(Driver& driver, Deadline deadline) : driver_(driver), epoch_(driver.epoch_) {
    if (driver.busy_) throw std::logic_error("two operations at once on one database connection");
    driver.busy_ = true;
    driver.watch(deadline);
}

Operation::~Operation() {
    if (!overtaken() && !finished_) driver_.close();
}

void Operation::finish() noexcept {
    finished_ = true;
    if (!overtaken()) driver_.busy_ = false;
}

bool Operation::overtaken() const noexcept {
    return driver_.epoch_ != epoch_;
}

}  // namespace subcults::db
