#include "cache/cached_reads.hpp"
#include "support/asio_test.hpp"
#include "unit/cache/ids.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace subcults;
using namespace subcults::api;
using namespace std::chrono_literals;
using subcults::test::id_of;

namespace asio = boost::asio;

namespace {

constexpr std::chrono::hours for_ever{1};

// A database that answers when the test says so.
class SlowDatabase {
  public:
    explicit SlowDatabase(asio::any_io_executor executor) : gate(std::move(executor)) {
        gate.expires_after(for_ever);
    }

    asio::awaitable<db::DbResult<std::optional<std::string>>> ask(Uuid id) {
        ++asked;
        const std::string as_of_now = value;  // the snapshot
        if (closed) co_await gate.async_wait(asio::as_tuple(asio::use_awaitable));
        if (broken) throw std::runtime_error("broken");
        if (failing) co_return db::Error{};
        std::optional<std::string> found;
        if (id != id_of(404)) found = as_of_now;
        co_return found;
    }
    void open() {
        closed = false;
        gate.cancel();
    }

    asio::steady_timer gate;
    std::string value = "first";
    int asked = 0;
    bool closed = false;
    bool failing = false;
    bool broken = false;
};

struct World {
    explicit World(std::chrono::milliseconds max_age = for_ever) {
        CacheLimits limits;
        limits.max_age = max_age;
        reads = std::make_unique<CachedReads<std::string>>(
            io.get_executor(), limits, *stamps, CacheMetrics::make(registry, "session"),
            [this](Uuid id, Deadline) { return database.ask(id); });
    }
    // Begins a request; its answer appears in `answers`.
    void request(std::uint32_t id) {
        asio::co_spawn(io, answer(id), [](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
        });
        settle();
    }
    void settle() {
        io.restart();
        io.poll();
    }
    std::uint64_t counted(std::string_view outcome) {
        return registry.get(metrics::catalogue::cache_reads_total, {"session", outcome}).value();
    }

    asio::io_context io{1};
    std::unique_ptr<Stamps> stamps = std::make_unique<Stamps>();
    metrics::Registry registry{metrics::Scope::api};
    SlowDatabase database{io.get_executor()};
    std::unique_ptr<CachedReads<std::string>> reads;
    std::vector<std::string> answers;

  private:
    asio::awaitable<void> answer(std::uint32_t id) {
        const Deadline deadline = deadline_in(for_ever);
        auto found = co_await reads->get(id_of(id), deadline);
        if (!found) {
            answers.emplace_back("error");
        } else {
            answers.push_back(*found ? **found : "none");
        }
    }
};

}  // namespace

TEST_CASE("the database is asked once while nothing changes") {
    World world;
    for (int i = 0; i < 5; ++i)
        world.request(1);
    CHECK(world.answers == std::vector<std::string>(5, "first"));
    CHECK(world.database.asked == 1);
    CHECK(world.counted("miss") == 1);
    CHECK(world.counted("hit") == 4);
    world.database.value = "second";
    world.stamps->invalidate(id_of(1));
    world.request(1);
    CHECK(world.answers.back() == "second");
    CHECK(world.database.asked == 2);
}

TEST_CASE("a crowd that finds a value gone waits for one answer") {
    World world;
    world.database.closed = true;
    for (int i = 0; i < 100; ++i)
        world.request(1);
    CHECK(world.answers.empty());
    CHECK(world.database.asked == 1);
    world.database.open();
    world.settle();
    CHECK(world.answers == std::vector<std::string>(100, "first"));
    CHECK(world.counted("joined") == 99);
}

TEST_CASE("whoever comes after a change is not answered from before it") {
    World world;
    world.database.closed = true;
    world.request(1);  // has its snapshot, and waits
    world.database.value = "second";
    world.stamps->invalidate(id_of(1));
    world.request(1);
    CHECK(world.database.asked == 2);
    world.database.open();
    world.settle();
    CHECK(world.answers == std::vector<std::string>{"first", "second"});
    // And what the first one brought home is not kept.
    world.request(1);
    CHECK(world.answers.back() == "second");
}

TEST_CASE("a change while the only answer is on its way spoils that answer") {
    World world;
    world.database.closed = true;
    world.request(1);
    world.stamps->invalidate(id_of(1));
    world.database.value = "second";
    world.database.open();
    world.settle();
    world.request(1);
    CHECK(world.answers == std::vector<std::string>{"first", "second"});
    CHECK(world.database.asked == 2);
}

TEST_CASE("what is not there is asked for again, and takes no place") {
    World world;
    world.request(404);
    world.request(404);
    CHECK(world.answers == std::vector<std::string>{"none", "none"});
    CHECK(world.database.asked == 2);
}

TEST_CASE("an error is for those who wait, and not for those who come later") {
    World world;
    world.database.closed = true;
    world.database.failing = true;
    world.request(1);
    world.request(1);
    world.database.open();
    world.settle();
    CHECK(world.answers == std::vector<std::string>{"error", "error"});
    CHECK(world.database.asked == 1);
    world.database.failing = false;
    world.request(1);
    CHECK(world.answers.back() == "first");
}

TEST_CASE("an exception is seen by the loop and leaves nobody waiting") {
    World world;
    world.database.broken = true;
    CHECK_THROWS(world.request(1));
    world.settle();
    CHECK(world.answers == std::vector<std::string>{"error"});
    world.database.broken = false;
    world.request(1);
    CHECK(world.answers.back() == "first");
}

TEST_CASE("with caches off every request asks the database") {
    World world(0ms);
    world.request(1);
    world.request(1);
    CHECK(world.database.asked == 2);
    CHECK(world.counted("hit") + world.counted("miss") + world.counted("joined") == 0);
}
