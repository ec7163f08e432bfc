#include "db/replies.hpp"

#include <libpq-fe.h>
#include <catch2/catch.hpp>

namespace subcults::db {

namespace {

Reply fake(ExecStatusType status) {
    return read_reply(PQmakeEmptyPGresult(nullptr, status));
}

Reply rows() {
    return fake(PGRES_TUPLES_OK);
}
Reply aborted() {
    return fake(PGRES_PIPELINE_ABORTED);
}
Reply sync() {
    return fake(PGRES_PIPELINE_SYNC);
}

Reply refused(std::string sqlstate) {
    Reply reply;
    reply.kind = Reply::Kind::error;
    reply.error.kind = ErrorKind::server;
    reply.error.sqlstate = std::move(sqlstate);
    return reply;
}

Reply farewell() {
    Reply reply;
    reply.kind = Reply::Kind::dead;
    reply.error.kind = ErrorKind::connection_lost;
    reply.error.sqlstate = "57P01";
    return reply;
}

void answer(PipelineReplies& replies, Reply reply) {
    REQUIRE(replies.on_reply(std::move(reply)) == Progress::more);
    REQUIRE(replies.on_end() == Progress::more);
}

}  // namespace

TEST_CASE("results of libpq are told apart") {
    CHECK(fake(PGRES_TUPLES_OK).kind == Reply::Kind::rows);
    CHECK(fake(PGRES_COMMAND_OK).kind == Reply::Kind::rows);
    CHECK(fake(PGRES_EMPTY_QUERY).kind == Reply::Kind::rows);
    CHECK(fake(PGRES_PIPELINE_SYNC).kind == Reply::Kind::sync);
    CHECK(fake(PGRES_PIPELINE_ABORTED).kind == Reply::Kind::aborted);
    CHECK(fake(PGRES_COPY_IN).kind == Reply::Kind::strange);
    CHECK(fake(PGRES_COPY_BOTH).kind == Reply::Kind::strange);
    CHECK(fake(PGRES_SINGLE_TUPLE).kind == Reply::Kind::strange);
}

TEST_CASE("an error without SQLSTATE is libpq's own and means a dead connection") {
    const auto reply = fake(PGRES_FATAL_ERROR);
    CHECK(reply.kind == Reply::Kind::dead);
    CHECK(reply.error.kind == ErrorKind::connection_lost);
}

TEST_CASE("a single request is complete at its end") {
    SingleReplies replies;
    CHECK(replies.on_reply(rows()) == Progress::more);
    CHECK(replies.on_end() == Progress::complete);
    CHECK_FALSE(replies.failure());
    CHECK(replies.take_rows().size() == 0);
}

TEST_CASE("of several commands in one string the first error counts") {
    SingleReplies replies;
    CHECK(replies.on_reply(rows()) == Progress::more);
    CHECK(replies.on_reply(refused("42601")) == Progress::more);
    CHECK(replies.on_reply(refused("25P02")) == Progress::more);
    CHECK(replies.on_end() == Progress::complete);
    REQUIRE(replies.failure());
    CHECK(replies.failure()->sqlstate == "42601");
}

TEST_CASE("pipeline results and COPY make no sense outside a pipeline") {
    CHECK(SingleReplies().on_reply(sync()) == Progress::nonsense);
    CHECK(SingleReplies().on_reply(aborted()) == Progress::nonsense);
    CHECK(SingleReplies().on_reply(fake(PGRES_COPY_OUT)) == Progress::nonsense);
}

TEST_CASE("a pipeline is complete at its sync") {
    PipelineReplies replies(2);
    answer(replies, rows());
    answer(replies, rows());
    CHECK(replies.on_reply(sync()) == Progress::complete);
    CHECK_FALSE(replies.failure());
    CHECK(replies.take_rows().size() == 2);
}

TEST_CASE("after a failed step only aborted ones follow") {
    for (std::size_t failing = 0; failing < 3; ++failing) {
        PipelineReplies replies(3);
        for (std::size_t i = 0; i < failing; ++i)
            answer(replies, rows());
        answer(replies, refused("23505"));
        for (std::size_t i = failing + 1; i < 3; ++i)
            answer(replies, aborted());
        CHECK(replies.on_reply(sync()) == Progress::complete);
        REQUIRE(replies.failure());
        CHECK(replies.failure()->sqlstate == "23505");
        CHECK(replies.failed_step() == failing);
        CHECK(replies.take_rows().size() == failing);
    }
}

TEST_CASE("the implicit commit at the sync can fail after every step succeeded") {
    PipelineReplies replies(1);
    answer(replies, rows());
    CHECK(replies.on_reply(refused("23503")) == Progress::more);
    CHECK(replies.on_reply(sync()) == Progress::complete);
    CHECK(replies.failed_step() == 1);
    CHECK(replies.take_rows().size() == 1);
}

TEST_CASE("a farewell in the middle of a pipeline ends it") {
    PipelineReplies replies(2);
    answer(replies, rows());
    CHECK(replies.on_reply(farewell()) == Progress::dead);
    REQUIRE(replies.failure());
    CHECK(replies.failure()->sqlstate == "57P01");
    CHECK(replies.failed_step() == 1);
}

TEST_CASE("endless ends without results are recognised") {
    PipelineReplies replies(2);
    answer(replies, rows());
    auto progress = Progress::more;
    int ends = 0;
    while (progress == Progress::more && ends < 100) {
        progress = replies.on_end();
        ++ends;
    }
    CHECK(progress == Progress::nonsense);
    CHECK(ends < 10);
}

TEST_CASE("results in an impossible order are refused") {
    SECTION("a sync before all steps have been answered") {
        PipelineReplies replies(2);
        answer(replies, rows());
        CHECK(replies.on_reply(sync()) == Progress::nonsense);
    }
    SECTION("two results for one step") {
        PipelineReplies replies(2);
        REQUIRE(replies.on_reply(rows()) == Progress::more);
        CHECK(replies.on_reply(rows()) == Progress::nonsense);
    }
    SECTION("more results than steps") {
        PipelineReplies replies(1);
        answer(replies, rows());
        CHECK(replies.on_reply(rows()) == Progress::nonsense);
    }
    SECTION("aborted although nothing failed") {
        PipelineReplies replies(1);
        CHECK(replies.on_reply(aborted()) == Progress::nonsense);
    }
    SECTION("a success after a failure") {
        PipelineReplies replies(2);
        answer(replies, refused("23505"));
        CHECK(replies.on_reply(rows()) == Progress::nonsense);
    }
    SECTION("COPY") {
        PipelineReplies replies(1);
        CHECK(replies.on_reply(fake(PGRES_COPY_IN)) == Progress::nonsense);
    }
}

}  // namespace subcults::db
