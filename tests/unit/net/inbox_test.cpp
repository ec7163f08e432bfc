#include "net/inbox.hpp"

#include "net/workers.hpp"

#include <boost/asio/co_spawn.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <vector>

using namespace subcults::net;
namespace asio = boost::asio;

namespace {

using Doubling = Inbox<int, int>;
using Given = std::vector<std::string>;

void rethrow(std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
}

asio::awaitable<void> note(Doubling& inbox, int number, std::size_t weight, Given& given) {
    auto answer = co_await inbox.ask(number, weight);
    std::string text = std::to_string(number);
    given.push_back(text.append(answer ? "=" + std::to_string(*answer) : " refused"));
}

void ask(asio::io_context& io, Doubling& inbox, int number, std::size_t weight, Given& given) {
    asio::co_spawn(io, note(inbox, number, weight, given), rethrow);
}

asio::awaitable<void> double_all(Doubling& inbox, std::size_t most) {
    for (;;) {
        const bool more = co_await inbox.wait();
        if (!more) break;
        for (Doubling::Ticket& ticket : inbox.take(most)) {
            const int doubled = ticket.request * 2;
            Doubling::answer(std::move(ticket), doubled);
        }
    }
    inbox.close();
}

asio::awaitable<void> ask_often(Doubling& inbox, int first, int count, std::atomic<int>& right) {
    for (int i = first; i < first + count; ++i) {
        auto answer = co_await inbox.ask(i);
        if (answer && *answer == i * 2) ++right;
    }
}

void poll(asio::io_context& io) {
    io.restart();
    io.poll();
}

}  // namespace

TEST_CASE("requests are taken in the order they came, as many as weigh little enough") {
    asio::io_context io(1);
    Doubling inbox(io, 10);
    Given given;
    for (const int number : {1, 2, 3, 4})
        ask(io, inbox, number, 3, given);
    poll(io);
    // The fourth would have made it twelve.
    CHECK(given == Given{"4 refused"});
    CHECK(inbox.waiting() == 9);
    Doubling::Tickets first = inbox.take(8);
    REQUIRE(first.size() == 2);
    CHECK(inbox.waiting() == 3);
    // Nobody waits for ever for being heavy.
    Doubling::Tickets second = inbox.take(1);
    REQUIRE(second.size() == 1);
    CHECK(inbox.waiting() == 0);
    CHECK(inbox.take(8).empty());
    Doubling::answer(std::move(second[0]), 30);
    Doubling::answer(std::move(first[0]), 10);
    Doubling::answer(std::move(first[1]), 20);
    poll(io);
    CHECK(given == Given{"4 refused", "3=30", "1=10", "2=20"});
    // Room again.
    ask(io, inbox, 5, 10, given);
    poll(io);
    CHECK(inbox.waiting() == 10);
    inbox.close();
    poll(io);
    CHECK(given.back() == "5 refused");
    CHECK(inbox.waiting() == 0);
}

TEST_CASE("what waits when the loop is stopped is answered, what comes later is refused") {
    asio::io_context io(1);
    Doubling inbox(io, 10);
    Given given;
    asio::co_spawn(io, double_all(inbox, 1), rethrow);
    poll(io);
    ask(io, inbox, 1, 1, given);
    poll(io);
    CHECK(given == Given{"1=2"});
    ask(io, inbox, 2, 1, given);
    ask(io, inbox, 3, 1, given);
    std::size_t waiting = 0;
    asio::post(io, [&] {
        waiting = inbox.waiting();
        inbox.stop();
    });
    poll(io);
    CHECK(waiting == 2);
    CHECK(given == Given{"1=2", "2=4", "3=6"});
    ask(io, inbox, 4, 1, given);
    poll(io);
    CHECK(given.back() == "4 refused");
}

TEST_CASE("askers of many threads get their own answers") {
    constexpr int threads = 4;
    constexpr int each = 500;
    std::atomic<int> right{0};
    Worker worker("inbox", rethrow);
    Doubling inbox(worker.io(), threads);
    asio::co_spawn(worker.io(), double_all(inbox, 2), rethrow);
    worker.start();
    // They outlive the one who answers: it may still be leaving their post() when they have it all.
    std::deque<asio::io_context> loops;
    std::vector<std::thread> askers;
    for (int i = 0; i < threads; ++i) {
        asio::io_context& io = loops.emplace_back(1);
        askers.emplace_back([&, i] {
            // The answer comes from another thread: until then nothing here is to be done.
            const auto guard = asio::make_work_guard(io);
            asio::co_spawn(io, ask_often(inbox, i * each, each, right),
                           [&](std::exception_ptr) { io.stop(); });
            io.run();
        });
    }
    for (std::thread& asker : askers)
        asker.join();
    asio::post(worker.io(), [&] { inbox.stop(); });
    worker.release();
    worker.join();
    CHECK(right == threads * each);
}
