// Which windows of a batch are written, and what everybody is told, given what the database said.
#include "quality/report_rows.hpp"

#include <libpq-fe.h>
#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace subcults;
using namespace subcults::api::quality;

namespace {

// Rows as the server would send them back, one per entry.
db::Rows rows_of(const std::vector<db::Params>& rows, int columns) {
    auto* result = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
    std::string name = "c";
    std::vector<PGresAttDesc> attributes(static_cast<std::size_t>(columns));
    for (auto& attribute : attributes) {
        attribute = PGresAttDesc{};
        attribute.name = name.data();
        attribute.format = 1;
    }
    REQUIRE(PQsetResultAttrs(result, columns, attributes.data()) != 0);
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto pointers = rows[row].pointers();
        const auto lengths = rows[row].lengths();
        for (std::size_t i = 0; i < pointers.size(); ++i) {
            const bool null = pointers[i] == nullptr;
            std::string value(null ? "" : pointers[i],
                              null ? 0 : static_cast<std::size_t>(lengths[i]));
            REQUIRE(PQsetvalue(result, static_cast<int>(row), static_cast<int>(i), value.data(),
                               null ? -1 : lengths[i]) != 0);
        }
    }
    return db::Rows(result);
}

const Uuid stream = *Uuid::parse("0190b6a0-0000-7000-8000-000000000001");
const Uuid other_stream = *Uuid::parse("0190b6a0-0000-7000-8000-000000000002");
const UnixMicros now{1'766'537'083'000'000};
using Status = ReportOutcome::Status;
using Fates = std::vector<WindowFate>;

ReportRequest request_for(const Uuid& session, const std::vector<std::int64_t>& seqs) {
    ReportRequest request;
    request.session = session;
    request.caller_did = "did:plc:a";
    request.names.kids = {7};
    request.names.participant_ids = {"user-a"};
    for (const std::int64_t seq : seqs) {
        Window window;
        window.seq = seq;
        window.measured_at = UnixMicros{now.value + seq};
        window.values.rtt_ms = 1;
        request.windows.push_back(window);
    }
    return request;
}

struct Caller {
    bool ended = false;
    bool host = false;
    bool known = true;
    std::optional<UnixMicros> left_at = {};
    bool banned = false;
};

db::Params caller_row(std::int64_t number, const Caller& caller,
                      const std::string& participant = "user-a") {
    db::Params row;
    row.int8(number).text(participant).boolean(caller.ended).boolean(caller.host);
    row.boolean(caller.known);
    caller.left_at ? row.timestamptz(*caller.left_at) : row.null();
    row.boolean(caller.banned);
    return row;
}

db::Params written_row(const Uuid& session, const std::string& participant, std::int64_t seq) {
    db::Params row;
    row.uuid(session).text(participant).int8(seq);
    return row;
}

}  // namespace

TEST_CASE("who may not report is told why, and nothing of theirs is written") {
    const ReportRequest request = request_for(stream, {1});
    const auto status = [&](const std::vector<db::Params>& found) {
        ReportBatch batch({&request});
        batch.admit(rows_of(found, 7));
        if (batch.outcomes()[0].status != Status::stored) CHECK(batch.nothing_to_write());
        return batch.outcomes()[0].status;
    };
    Caller caller;
    CHECK(status({}) == Status::not_found);
    CHECK(status({caller_row(0, caller)}) == Status::stored);
    caller.known = false;
    CHECK(status({caller_row(0, caller)}) == Status::forbidden);
    caller.host = true;
    CHECK(status({caller_row(0, caller)}) == Status::stored);
    caller = {};
    caller.banned = true;
    CHECK(status({caller_row(0, caller)}) == Status::kicked);
    caller = {};
    caller.ended = true;
    CHECK(status({caller_row(0, caller)}) == Status::ended);
}

TEST_CASE("who has left delivers what ended before") {
    const ReportRequest request = request_for(stream, {1, 2, 3});
    ReportBatch batch({&request});
    Caller caller;
    caller.left_at = UnixMicros{now.value + 2};
    batch.admit(rows_of({caller_row(0, caller)}, 7));
    batch.note_written(
        rows_of({written_row(stream, "user-a", 1), written_row(stream, "user-a", 2)}, 3));
    CHECK(batch.outcomes()[0].status == Status::stored);
    CHECK(batch.outcomes()[0].fates ==
          Fates{WindowFate::accepted, WindowFate::accepted, WindowFate::not_present});

    caller.left_at = now;
    ReportBatch late({&request});
    late.admit(rows_of({caller_row(0, caller)}, 7));
    CHECK(late.outcomes()[0].status == Status::forbidden);
    CHECK(late.nothing_to_write());
}

TEST_CASE("what the database did not write was known already") {
    const ReportRequest first = request_for(stream, {1, 2});
    const ReportRequest second = request_for(other_stream, {1});
    const ReportRequest stranger = request_for(stream, {9});
    ReportBatch batch({&first, &second, &stranger});
    Caller nobody;
    nobody.known = false;
    batch.admit(
        rows_of({caller_row(0, {}), caller_row(1, {}, "user-b"), caller_row(2, nobody)}, 7));
    batch.note_written(
        rows_of({written_row(other_stream, "user-b", 1), written_row(stream, "user-a", 2)}, 3));
    CHECK(batch.outcomes()[0].fates == Fates{WindowFate::duplicate, WindowFate::accepted});
    CHECK(batch.outcomes()[1].fates == Fates{WindowFate::accepted});
    CHECK(batch.outcomes()[2].status == Status::forbidden);
}

TEST_CASE("of the same seq in one batch the first is written") {
    const ReportRequest first = request_for(stream, {5, 5});
    const ReportRequest second = request_for(stream, {5, 6});
    ReportBatch batch({&first, &second});
    batch.admit(rows_of({caller_row(0, {}), caller_row(1, {})}, 7));
    batch.note_written(
        rows_of({written_row(stream, "user-a", 5), written_row(stream, "user-a", 6)}, 3));
    CHECK(batch.outcomes()[0].fates == Fates{WindowFate::accepted, WindowFate::duplicate});
    CHECK(batch.outcomes()[1].fates == Fates{WindowFate::duplicate, WindowFate::accepted});
}

TEST_CASE("a batch that is tried again starts from what the database says then") {
    const ReportRequest request = request_for(stream, {1});
    ReportBatch batch({&request});
    batch.admit(rows_of({caller_row(0, {})}, 7));
    batch.admit(rows_of({caller_row(0, {})}, 7));
    batch.note_written(rows_of({written_row(stream, "user-a", 1)}, 3));
    CHECK(batch.outcomes()[0].fates == Fates{WindowFate::accepted});
    batch.admit(rows_of({}, 7));
    CHECK(batch.outcomes()[0].status == Status::not_found);
    CHECK(batch.nothing_to_write());
}
