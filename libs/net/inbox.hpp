// Requests from coroutines of any thread to one loop that takes them in batches and answers each.
//
//     asker:  auto answer = co_await inbox.ask(std::move(request), weight);
//     loop:   while wait() says there is more: take() a batch, answer() each; then close()
//
// Requests weigh something, which is what the bounds are in. What would make those that wait weigh
// more than `max_waiting` is refused at once, as is everything after the loop has ended: the asker
// then gets nothing. Every other request gets the loop's answer; the oldest are taken first.
//
// Threading: ask() on any executor, where its answer arrives; waiting() on any thread; all else on
// the thread of the loop's io_context, which must be a single one. The inbox must outlive that
// io_context's last run.
// Cost: one short lock per request, one wake-up of the loop per batch.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace subcults::net {

template <class Request, class Answer>
class Inbox {
    using Done = boost::asio::any_completion_handler<void(std::optional<Answer>)>;

  public:
    // Constructed and moved from, never assigned: any_completion_handler's move assignment recurses
    // without end in Boost 1.81.
    struct Ticket {
        Request request;
        std::size_t weight;
        boost::asio::any_io_executor executor;
        Done done;
    };
    using Tickets = std::vector<Ticket>;

    Inbox(boost::asio::io_context& io, std::size_t max_waiting)
        : io_(io), max_waiting_(max_waiting), wake_(io) {}
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;

    // The loop's answer; nothing when the request was refused.
    boost::asio::awaitable<std::optional<Answer>> ask(Request request, std::size_t weight = 1) {
        boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
        auto given = co_await async_ask(std::move(request), weight, std::move(executor),
                                        boost::asio::use_awaitable);
        co_return given;
    }

    // What all that wait weigh.
    std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

    // Until there is something to take: true. False when stop() was called and nothing is left;
    // from then on everything is refused.
    boost::asio::awaitable<bool> wait() {
        for (;;) {
            const State state = look();
            if (state != State::idle) co_return state == State::filled;
            wake_.expires_at(std::chrono::steady_clock::time_point::max());
            co_await wake_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        }
    }

    // The oldest ones that together weigh no more than `most`; at least one, however heavy.
    Tickets take(std::size_t most) {
        const std::lock_guard lock(mutex_);
        Tickets taken;
        std::size_t weight = 0;
        while (!tickets_.empty()) {
            const std::size_t more = tickets_.front().weight;
            if (!taken.empty() && weight + more > most) break;
            weight += more;
            taken.push_back(std::move(tickets_.front()));
            tickets_.pop_front();
        }
        waiting_.fetch_sub(weight, std::memory_order_relaxed);
        return taken;
    }

    // Lets the loop end once nothing is left.
    void stop() noexcept {
        stopping_ = true;
        wake_.cancel();
    }
    bool stopping() const noexcept { return stopping_; }

    // The loop has ended, for whatever reason: refuses what is left and what comes.
    void close() {
        std::deque<Ticket> rest;
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
            rest.swap(tickets_);
            waiting_.store(0, std::memory_order_relaxed);
        }
        for (Ticket& ticket : rest)
            answer(std::move(ticket), std::nullopt);
    }

    // Through the asker's own loop: it may still be inside its initiating call, or on another
    // thread.
    static void answer(Ticket&& ticket, std::optional<Answer> given) {
        const boost::asio::any_io_executor executor = std::move(ticket.executor);
        boost::asio::post(executor,
                          [done = std::move(ticket.done), given = std::move(given)]() mutable {
                              std::move(done)(std::move(given));
                          });
    }

  private:
    enum class State { filled, idle, ended };

    // A named function object: a lambda made inside a statement with co_await is miscompiled.
    struct Initiate {
        explicit Initiate(Inbox& owner) : inbox(owner) {}
        template <class Handler>
        void operator()(Handler&& handler, Request request, std::size_t weight,
                        boost::asio::any_io_executor executor) const {
            inbox.submit(std::move(request), weight, std::move(executor),
                         Done(std::forward<Handler>(handler)));
        }
        Inbox& inbox;
    };
    template <class CompletionToken>
    auto async_ask(Request request, std::size_t weight, boost::asio::any_io_executor executor,
                   CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(std::optional<Answer>)>(
            Initiate(*this), token, std::move(request), weight, std::move(executor));
    }

    void submit(Request request, std::size_t weight, boost::asio::any_io_executor executor,
                Done done) {
        Ticket ticket{std::move(request), weight, std::move(executor), std::move(done)};
        {
            const std::lock_guard lock(mutex_);
            const std::size_t before = waiting_.load(std::memory_order_relaxed);
            if (!closed_ && before + weight <= max_waiting_) {
                waiting_.store(before + weight, std::memory_order_relaxed);
                tickets_.push_back(std::move(ticket));
                // Under the lock: the loop cannot end, and its io_context with it, before this.
                if (tickets_.size() == 1) boost::asio::post(io_, [this] { wake_.cancel(); });
                return;
            }
        }
        answer(std::move(ticket), std::nullopt);
    }

    State look() {
        const std::lock_guard lock(mutex_);
        if (!tickets_.empty()) return State::filled;
        if (!stopping_) return State::idle;
        closed_ = true;
        return State::ended;
    }

    boost::asio::io_context& io_;
    const std::size_t max_waiting_;
    boost::asio::steady_timer wake_;
    bool stopping_ = false;

    std::mutex mutex_;
    std::deque<Ticket> tickets_;
    bool closed_ = false;  // nobody would answer any more
    std::atomic<std::size_t> waiting_{0};
};

}  // namespace subcults::net
