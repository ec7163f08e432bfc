// When jobs run: by schedule, on notification, on request; once at a time over all replicas.
#include "integration/jobs/replicas.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace subcults;
using namespace subcults::test;
using std::chrono::milliseconds;

TEST_CASE("of several replicas only one runs a job at any time") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, milliseconds(5), milliseconds(10)));
    Replica b(database, "b", job_of(world, milliseconds(5), milliseconds(10)));
    Replica c(database, "c", job_of(world, milliseconds(5), milliseconds(10)));
    for (Replica* replica : {&a, &b, &c})
        replica->start();
    REQUIRE(until({&a, &b, &c}, [&] { return world.done >= 40; }));
    CHECK(world.most_at_once == 1);
    for (Replica* replica : {&a, &b, &c})
        stop(*replica, {&a, &b, &c});
    const std::uint64_t counted = a.runs("success") + b.runs("success") + c.runs("success");
    CHECK(std::to_string(counted) == row(database, "runs"));
    CHECK(row(database, "failures") == "0");
    CHECK(row(database, "takeovers") == "0");
}

TEST_CASE("a new job runs at once, and again after its interval") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, milliseconds(1), milliseconds(300)));
    a.start();
    REQUIRE(until({&a}, [&] { return world.done == 1; }));
    const auto first = std::chrono::steady_clock::now();
    REQUIRE(until({&a}, [&] { return world.begun == 2; }));
    CHECK(std::chrono::steady_clock::now() - first >= milliseconds(250));
    CHECK(world.causes.front() == jobs::Cause::schedule);
}

TEST_CASE("results and running are shown by metrics, the last success on every replica") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, milliseconds(100)));
    a.start();
    REQUIRE(until({&a}, [&] { return world.running == 1; }));
    CHECK(a.running() == 1);
    CHECK(a.last_success() == 0);
    REQUIRE(until({&a}, [&] { return a.runs("success") == 1; }));
    CHECK(a.running() == 0);
    CHECK(a.last_success() > 1'700'000'000);

    Replica b(database, "b", job_of(world, milliseconds(100)));
    b.start();
    REQUIRE(until({&a, &b}, [&] { return b.last_success() > 0; }));
    CHECK(b.last_success() == Approx(a.last_success()).margin(5));
    CHECK(b.runs("success") == 0);
    CHECK(row(database, "result") == "success");
}

TEST_CASE("a notification starts a run soon, and one during a run starts another") {
    const auto database = TestDatabase::migrated();
    World world;
    jobs::Job job = job_of(world, milliseconds(150), milliseconds(0));
    job.schedule.channel = "subcults_trust";
    Replica a(database, "a", std::move(job));
    a.start();
    // Whoever begins to listen assumes that something was told before.
    REQUIRE(until({&a}, [&] { return a.runs("success") == 1; }));

    const auto told = std::chrono::steady_clock::now();
    database.execute("NOTIFY subcults_trust");
    REQUIRE(until({&a}, [&] { return world.begun == 2; }));
    // Nothing but the notification would have started it; how soon is a matter of the machine.
    CHECK(std::chrono::steady_clock::now() - told < std::chrono::seconds(5));
    REQUIRE(world.running == 1);
    database.execute("NOTIFY subcults_trust");
    REQUIRE(until({&a}, [&] { return a.runs("success") == 3; }));
    CHECK(world.causes.back() == jobs::Cause::notification);
}

TEST_CASE("the schedule is kept however often notifications start the job") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, milliseconds(1), milliseconds(400)));
    a.start();
    const auto caused_by = [&world](jobs::Cause cause) {
        return std::ranges::count(world.causes, cause);
    };
    const auto begun = std::chrono::steady_clock::now();
    REQUIRE(until({&a}, [&] {
        a.runner().wake(job_type);
        return caused_by(jobs::Cause::schedule) >= 4;
    }));
    CHECK(std::chrono::steady_clock::now() - begun >= milliseconds(1100));
    CHECK(caused_by(jobs::Cause::notification) >= 4);
    CHECK(a.runs("failure") == 0);
}

TEST_CASE("a run that a notification has started brings the next one forward when it fails") {
    const auto database = TestDatabase::migrated();
    World world;
    bool failing = false;
    jobs::Job job = job_of(world, milliseconds(1));
    job.schedule.retry = milliseconds(20);
    job.work = [&world, &failing](jobs::Run& run) {
        if (failing) run.fail(jobs::ErrorType::not_found, "as told");
        return busy(world, run, milliseconds(1));
    };
    Replica a(database, "a", std::move(job));
    a.start();
    REQUIRE(until({&a}, [&] { return a.runs("success") == 1; }));
    const std::string planned = row(database, "next_run_at");
    a.runner().wake(job_type);
    REQUIRE(until({&a}, [&] { return a.runs("success") == 2; }));
    CHECK(world.causes.back() == jobs::Cause::notification);
    CHECK(row(database, "next_run_at") == planned);

    failing = true;
    a.runner().wake(job_type);
    REQUIRE(until({&a}, [&] { return a.runs("failure") >= 1; }));
    failing = false;
    REQUIRE(until({&a}, [&] { return a.runs("success") == 3; }));
    CHECK(world.causes.back() == jobs::Cause::schedule);
}

TEST_CASE("a change told while another replica runs the job is not lost") {
    const auto database = TestDatabase::migrated();
    World world;
    const auto job = [&world] {
        jobs::Job made = job_of(world, milliseconds(300), milliseconds(0));
        made.schedule.channel = "subcults_trust";
        return made;
    };
    Replica a(database, "a", job());
    a.start();
    REQUIRE(until({&a}, [&] { return a.runs("success") >= 1 && world.running == 0; }));
    Replica b(database, "b", job());
    b.start();
    REQUIRE(until({&a, &b}, [&] { return world.begun >= 2 && world.running == 0; }));

    database.execute("UPDATE background_jobs SET requested_at = now()");
    REQUIRE(until({&a, &b}, [&] { return world.running == 1; }));
    const int begun = world.begun;
    // Only the replica that does not run it is told.
    Replica& idle = a.running() == 1 ? b : a;
    idle.runner().wake(job_type);
    REQUIRE(until({&a, &b}, [&] { return world.begun == begun + 1; }));
    CHECK(world.most_at_once == 1);
}

TEST_CASE("a job runs on request, whatever its schedule says") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, milliseconds(200)));
    a.start();
    REQUIRE(until({&a}, [&] { return a.runs("success") == 1; }));
    auto asked = finish(a, a.runner().request(std::string(job_type)));
    REQUIRE(asked.has_value());
    CHECK(*asked == jobs::JobRunner::Requested::soon);
    REQUIRE(until({&a}, [&] { return world.running == 1; }));
    CHECK(world.causes.back() == jobs::Cause::request);
    // While it runs, a further request is for another run after it.
    auto again = finish(a, a.runner().request(std::string(job_type)));
    REQUIRE(again.has_value());
    CHECK(*again == jobs::JobRunner::Requested::after_present);
    REQUIRE(until({&a}, [&] { return a.runs("success") == 3; }));

    auto unknown = finish(a, a.runner().request("no_such_job"));
    REQUIRE(unknown.has_value());
    CHECK(*unknown == jobs::JobRunner::Requested::unknown);
}

TEST_CASE("a request reaches a replica other than the one that was asked") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, milliseconds(1)));
    a.start();
    REQUIRE(until({&a}, [&] { return a.runs("success") == 1; }));
    database.execute("UPDATE background_jobs SET requested_at = now()");
    REQUIRE(until({&a}, [&] { return a.runs("success") == 2; }));
    CHECK(row(database, "requested_at IS NULL") == "t");
}

TEST_CASE("the list shows the row that all replicas share") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, for_ever));
    Replica b(database, "b", job_of(world, for_ever));
    a.start();
    REQUIRE(until({&a}, [&] { return world.running == 1; }));
    b.start();
    auto here = finish(a, a.runner().list(), {&b});
    auto there = finish(b, b.runner().list(), {&a});
    REQUIRE(here.has_value());
    REQUIRE(there.has_value());
    REQUIRE(here->size() == 1);
    REQUIRE(there->size() == 1);
    CHECK(here->front().running_here);
    CHECK_FALSE(there->front().running_here);
    REQUIRE(there->front().row.has_value());
    CHECK(there->front().row->running);
    CHECK(there->front().row->holder == "a");
    CHECK(there->front().row->epoch == 1);
}

TEST_CASE("where work remembers something, the replica that ran it last goes first") {
    const auto database = TestDatabase::migrated();
    World world;
    const auto job = [&world] {
        jobs::Job made = job_of(world, milliseconds(1), milliseconds(50));
        // Long enough for a machine that is busy with other things.
        made.schedule.head_start = std::chrono::seconds(10);
        return made;
    };
    Replica a(database, "a", job());
    a.start();
    REQUIRE(until({&a}, [&] { return a.runs("success") >= 1; }));
    Replica b(database, "b", job());
    b.start();
    REQUIRE(until({&a, &b}, [&] { return a.runs("success") >= 10; }));
    CHECK(b.runs("success") == 0);
    stop(a, {&b});
    REQUIRE(until({&b}, [&] { return b.runs("success") >= 1; }));
}

TEST_CASE("jobs that cannot be run are refused when they are added") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, milliseconds(1)));
    CHECK_THROWS_AS(a.runner().add(job_of(world, milliseconds(1))), std::invalid_argument);
    jobs::Job idle = job_of(world, milliseconds(1));
    idle.type = "stream_cleanup";
    idle.work = nullptr;
    CHECK_THROWS_AS(a.runner().add(std::move(idle)), std::invalid_argument);
    jobs::Job hasty = job_of(world, milliseconds(1));
    hasty.type = "stream_cleanup";
    hasty.time_limit = milliseconds(0);
    CHECK_THROWS_AS(a.runner().add(std::move(hasty)), std::invalid_argument);
}
