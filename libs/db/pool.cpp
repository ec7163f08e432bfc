#include "db/pool.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <list>
#include <random>
#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace subcults::db {

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

std::uint64_t random_seed() {
    std::random_device device;
    return static_cast<std::uint64_t>(device()) << 32 | device();
}

Error make_error(ErrorKind kind, std::string message) {
    Error error;
    error.kind = kind;
    error.message = std::move(message);
    return error;
}

}  // namespace

struct Pool::Lease::Shared {
    virtual ~Shared() = default;
    virtual void give_back(Connection& connection) noexcept = 0;
};

struct Pool::Impl final : Pool::Lease::Shared, std::enable_shared_from_this<Pool::Impl> {
    struct Slot {
        Slot(const asio::any_io_executor& executor, const PoolOptions& options)
            : connection(executor, options.connection),
              wake(executor),
              backoff(options.backoff, random_seed()) {}

        Connection connection;
        asio::steady_timer wake;  // of the keeper: cancelled when there is something to do
        Backoff backoff;
        bool broken = false;
    };

    // One caller in line. Lives in the frame of acquire(), so it leaves the line in any case.
    struct Waiter {
        Waiter(Impl& pool, Deadline deadline)
            : owner(pool),
              timer(pool.executor, deadline),
              place(pool.line.insert(pool.line.end(), this)) {
            pool.waiting.fetch_add(1, std::memory_order_relaxed);
        }
        ~Waiter() {
            leave();
            if (given != nullptr) owner.give_back(given->connection);
        }
        Waiter(const Waiter&) = delete;
        Waiter& operator=(const Waiter&) = delete;

        void leave() noexcept {
            if (!std::exchange(in_line, false)) return;
            owner.line.erase(place);
            owner.waiting.fetch_sub(1, std::memory_order_relaxed);
        }
        void notify() noexcept {
            leave();
            wake(timer);
        }

        Impl& owner;
        asio::steady_timer timer;
        std::list<Waiter*>::iterator place;
        bool in_line = true;
        Slot* given = nullptr;
    };

    Impl(asio::any_io_executor executor_, PoolOptions options_)
        : executor(std::move(executor_)), options(std::move(options_)) {
        for (std::size_t i = 0; i < std::max<std::size_t>(options.size, 1); ++i) {
            slots.push_back(std::make_unique<Slot>(executor, options));
        }
        free.reserve(slots.size());
    }

    static void wake(asio::steady_timer& timer) noexcept {
        try {
            timer.cancel();
        } catch (...) {
            // Nothing waits on it then.
        }
    }

    void start();
    void stop() noexcept;
    void offer(Slot& slot) noexcept;
    void replace(Slot& slot) noexcept;
    Slot* take() noexcept;
    Lease lease(Slot& slot) noexcept;
    void give_back(Connection& connection) noexcept override;

    using Self = std::shared_ptr<Impl>;
    static asio::awaitable<void> keep(Self self, Slot& slot);
    static asio::awaitable<DbResult<Lease>> acquire(Self self, Deadline deadline);
    static asio::awaitable<DbResult<Rows>> read(Self self, Statement statement, Params params,
                                                Deadline deadline);

    asio::any_io_executor executor;
    PoolOptions options;
    std::vector<std::unique_ptr<Slot>> slots;
    std::vector<Slot*> free;  // the one used last is taken first: its server caches are warm
    std::list<Waiter*> line;
    std::string last_failure;
    bool started = false;
    bool stopped = false;

    // Written by the pool's thread, read by any.
    std::atomic<std::size_t> connected{0};
    std::atomic<std::size_t> in_use{0};
    std::atomic<std::size_t> waiting{0};
    std::atomic<std::uint64_t> connects{0};
    std::atomic<std::uint64_t> connect_failures{0};
};

void Pool::Impl::start() {
    if (std::exchange(started, true)) return;
    for (const auto& slot : slots) {
        // A failed connect is a value; an exception here is a mistake of ours and must be seen.
        auto rethrow = [](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
        };
        asio::co_spawn(executor, keep(shared_from_this(), *slot), std::move(rethrow));
    }
}

void Pool::Impl::stop() noexcept {
    if (std::exchange(stopped, true)) return;
    free.clear();
    for (const auto& slot : slots) {
        slot->connection.close();
        wake(slot->wake);
    }
    while (!line.empty())
        line.front()->notify();
}

// Keeps one connection alive for as long as the pool runs.
asio::awaitable<void> Pool::Impl::keep(Self self, Slot& slot) {
    constexpr auto settled = std::chrono::seconds(1);
    while (!self->stopped) {
        const auto outcome = co_await slot.connection.connect();
        if (self->stopped) break;
        if (outcome) {
            self->last_failure.clear();
            self->connects.fetch_add(1, std::memory_order_relaxed);
            self->connected.fetch_add(1, std::memory_order_relaxed);
            const auto since = SteadyClock::now();
            slot.broken = false;
            self->offer(slot);
            while (!slot.broken && !self->stopped) {
                slot.wake.expires_at(Deadline::max());
                static_cast<void>(co_await slot.wake.async_wait(as_result));
            }
            self->connected.fetch_sub(1, std::memory_order_relaxed);
            // A server that accepts and hangs up again is as bad as one that refuses.
            if (SteadyClock::now() - since >= settled) {
                slot.backoff.reset();
                continue;
            }
        } else {
            self->last_failure = describe(outcome.error());
            self->connect_failures.fetch_add(1, std::memory_order_relaxed);
        }
        if (self->stopped) break;
        slot.wake.expires_after(slot.backoff.next());
        static_cast<void>(co_await slot.wake.async_wait(as_result));
    }
}

void Pool::Impl::offer(Slot& slot) noexcept {
    if (line.empty()) {
        free.push_back(&slot);
        return;
    }
    auto& first = *line.front();
    first.given = &slot;
    in_use.fetch_add(1, std::memory_order_relaxed);
    first.notify();
}

void Pool::Impl::replace(Slot& slot) noexcept {
    slot.connection.close();
    slot.broken = true;
    wake(slot.wake);
}

Pool::Impl::Slot* Pool::Impl::take() noexcept {
    while (!free.empty()) {
        auto& slot = *free.back();
        free.pop_back();
        if (slot.connection.idle()) {
            in_use.fetch_add(1, std::memory_order_relaxed);
            return &slot;
        }
        replace(slot);
    }
    return nullptr;
}

void Pool::Impl::give_back(Connection& connection) noexcept {
    const auto at = std::ranges::find_if(
        slots, [&connection](const auto& slot) { return &slot->connection == &connection; });
    auto& slot = **at;
    in_use.fetch_sub(1, std::memory_order_relaxed);
    if (stopped) {
        slot.connection.close();
    } else if (slot.connection.idle()) {
        offer(slot);
    } else {
        replace(slot);
    }
}

Pool::Lease Pool::Impl::lease(Slot& slot) noexcept {
    Lease result;
    result.owner_ = shared_from_this();
    result.connection_ = &slot.connection;
    return result;
}

asio::awaitable<DbResult<Pool::Lease>> Pool::Impl::acquire(Self self, Deadline deadline) {
    if (self->stopped) co_return make_error(ErrorKind::cancelled, "the pool has stopped");
    if (self->line.empty()) {
        if (auto* slot = self->take()) co_return self->lease(*slot);
    }
    if (self->line.size() >= self->options.max_waiting) {
        co_return make_error(ErrorKind::pool_timeout, "too many callers wait for a connection");
    }
    Waiter waiter(*self, deadline);
    // One round, unless the wait is cancelled from outside; then the second one throws.
    while (waiter.given == nullptr && !self->stopped) {
        auto result = co_await waiter.timer.async_wait(as_result);
        const auto& [cancelled] = result;
        if (!cancelled) break;
    }
    if (waiter.given != nullptr && !self->stopped) {
        co_return self->lease(*std::exchange(waiter.given, nullptr));
    }
    if (self->stopped) co_return make_error(ErrorKind::cancelled, "the pool has stopped");
    std::string message = "no connection became free in time";
    if (!self->last_failure.empty()) {
        message.append("; connecting fails: ").append(self->last_failure);
    }
    co_return make_error(ErrorKind::pool_timeout, std::move(message));
}

asio::awaitable<DbResult<Rows>> Pool::Impl::read(Self self, Statement statement, Params params,
                                                 Deadline deadline) {
    for (int attempt = 0;; ++attempt) {
        auto lease = co_await acquire(self, deadline);
        if (!lease) {
            auto failure = std::move(lease).error();
            failure.statement = statement.name;
            co_return failure;
        }
        Params copy = params;
        auto rows = co_await (*lease)->query(statement, std::move(copy), deadline);
        if (rows || attempt > 0 || self->stopped) co_return rows;
        const auto kind = rows.error().kind;
        const bool dead = kind == ErrorKind::unavailable || kind == ErrorKind::connection_lost;
        if (!dead || SteadyClock::now() >= deadline) co_return rows;
    }
}

// --- the public face -----------------------------------------------------------------------------

Pool::Lease::Lease(Lease&& other) noexcept
    : owner_(std::move(other.owner_)), connection_(std::exchange(other.connection_, nullptr)) {}

Pool::Lease& Pool::Lease::operator=(Lease&& other) noexcept {
    if (this != &other) {
        release();
        owner_ = std::move(other.owner_);
        connection_ = std::exchange(other.connection_, nullptr);
    }
    return *this;
}

Pool::Lease::~Lease() {
    release();
}

void Pool::Lease::release() noexcept {
    if (connection_ != nullptr) owner_->give_back(*std::exchange(connection_, nullptr));
    owner_.reset();
}

Pool::Pool(asio::any_io_executor executor, PoolOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options))) {}

Pool::~Pool() {
    impl_->stop();
}

void Pool::start() {
    impl_->start();
}

void Pool::stop() noexcept {
    impl_->stop();
}

asio::awaitable<DbResult<Pool::Lease>> Pool::acquire(Deadline deadline) {
    return Impl::acquire(impl_, deadline);
}

asio::awaitable<DbResult<Rows>> Pool::read(Statement statement, Params params, Deadline deadline) {
    return Impl::read(impl_, statement, std::move(params), deadline);
}

PoolStats Pool::stats() const noexcept {
    PoolStats stats;
    stats.connected = impl_->connected.load(std::memory_order_relaxed);
    stats.in_use = impl_->in_use.load(std::memory_order_relaxed);
    stats.waiting = impl_->waiting.load(std::memory_order_relaxed);
    stats.connects = impl_->connects.load(std::memory_order_relaxed);
    stats.connect_failures = impl_->connect_failures.load(std::memory_order_relaxed);
    return stats;
}

}  // namespace subcults::db
