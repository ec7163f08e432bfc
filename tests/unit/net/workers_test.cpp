#include "net/workers.hpp"

#include <boost/asio/post.hpp>

#include <catch2/catch.hpp>

#include <pthread.h>

#include <array>
#include <atomic>
#include <future>
#include <stdexcept>

using namespace subcults::net;

TEST_CASE("a worker runs what is posted to it on a thread with its name") {
    // Before the worker: it must outlive the thread that fulfils it.
    std::promise<std::string> name;
    Worker worker("api-0-with-a-long-name", {});
    worker.start();
    boost::asio::post(worker.io(), [&] {
        std::array<char, 16> text{};
        pthread_getname_np(pthread_self(), text.data(), text.size());
        name.set_value(text.data());
    });
    CHECK(name.get_future().get() == "api-0-with-a-lo");
}

TEST_CASE("what escapes a handler is reported and the loop goes on") {
    std::atomic<int> reported{0};
    std::promise<void> after;
    Worker worker("w", [&](std::exception_ptr) {
        ++reported;
        throw std::runtime_error("even when reporting fails");
    });
    worker.start();
    boost::asio::post(worker.io(), [] { throw std::runtime_error("first"); });
    boost::asio::post(worker.io(), [] { throw 42; });
    boost::asio::post(worker.io(), [&] { after.set_value(); });
    after.get_future().get();
    CHECK(reported == 2);
}

TEST_CASE("a released worker ends when it has nothing left to do") {
    Worker worker("w", {});
    std::atomic<int> ran{0};
    for (int i = 0; i < 100; ++i)
        boost::asio::post(worker.io(), [&] { ++ran; });
    worker.start();
    worker.release();
    worker.join();
    CHECK(ran == 100);
}

TEST_CASE("a worker that was never started can be destroyed") {
    std::atomic<bool> ran{false};
    {
        Worker worker("w", {});
        boost::asio::post(worker.io(), [&] { ran = true; });
    }
    CHECK_FALSE(ran);
}
