// Runs a coroutine to its end on the test thread, so that tests read straight down:
//
//     run([](boost::asio::any_io_executor ex) -> boost::asio::awaitable<void> {
//         Connection connection(ex, options);
//         auto connected = co_await connection.connect();
//         REQUIRE(connected);
//     });
//
// What the coroutine throws (a failed REQUIRE too) leaves run(); one that does not end in time
// throws std::runtime_error. The callable may capture: it outlives its coroutine.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace subcults::test {

inline constexpr std::chrono::seconds run_timeout{60};

// On a context of the caller's, for objects that live across several runs.
template <class T>
T run_on(boost::asio::io_context& context, boost::asio::awaitable<T> body,
         std::chrono::steady_clock::duration timeout = run_timeout) {
    std::exception_ptr failed;
    bool done = false;
    context.restart();
    const auto wait = [&] {
        const auto end = std::chrono::steady_clock::now() + timeout;
        while (!done && context.run_one_until(end) > 0) {
        }
        if (!done) throw std::runtime_error("the coroutine under test did not end in time");
        if (failed) std::rethrow_exception(failed);
    };
    if constexpr (std::is_void_v<T>) {
        boost::asio::co_spawn(context, std::move(body), [&](std::exception_ptr e) {
            failed = e;
            done = true;
        });
        wait();
    } else {
        std::optional<T> value;
        boost::asio::co_spawn(context, std::move(body), [&](std::exception_ptr e, T result) {
            failed = e;
            if (!e) value.emplace(std::move(result));
            done = true;
        });
        wait();
        return std::move(*value);
    }
}

template <class T>
T run(boost::asio::awaitable<T> body, std::chrono::steady_clock::duration timeout = run_timeout) {
    boost::asio::io_context context(1);
    return run_on(context, std::move(body), timeout);
}

template <std::invocable<boost::asio::any_io_executor> F>
auto run(F body, std::chrono::steady_clock::duration timeout = run_timeout) {
    boost::asio::io_context context(1);
    return run_on(context, body(context.get_executor()), timeout);
}

template <std::invocable<> F>
auto run(F body, std::chrono::steady_clock::duration timeout = run_timeout) {
    boost::asio::io_context context(1);
    return run_on(context, body(), timeout);
}

// Lets everything else on this context run until the condition holds; false when it never did.
inline boost::asio::awaitable<bool> eventually(
    std::function<bool()> condition,
    std::chrono::steady_clock::duration timeout = std::chrono::seconds(20)) {
    const auto executor = co_await boost::asio::this_coro::executor;
    const auto end = std::chrono::steady_clock::now() + timeout;
    boost::asio::steady_timer timer(executor);
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) co_return false;
        timer.expires_after(std::chrono::milliseconds(2));
        co_await timer.async_wait(boost::asio::use_awaitable);
    }
    co_return true;
}

}  // namespace subcults::test
