#include "maintenance/quarantine_retry.hpp"

#include "base/json_writer.hpp"
#include "jetstream/decoder.hpp"
#include "project/fold.hpp"
#include "service/cli.hpp"
#include "write/batch_pipeline.hpp"
#include "write/writer_sql.hpp"

#include <algorithm>
#include <cstdio>
#include <span>

namespace subcults::indexer {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds statement_limit{30};

// In the order of the stream: of two revisions of a record the older one comes first.
constexpr db::Statement select_frames{
    "indexer_retry_select",
    "SELECT fingerprint FROM quarantined_events"
    " WHERE length(raw) = raw_bytes AND ($1::text = '' OR reason = $1::text)"
    " AND encode(fingerprint, 'hex') LIKE $2::text || '%'"
    " ORDER BY time_us, fingerprint LIMIT $3::bigint"};

constexpr db::Statement lock_shards{
    "indexer_retry_lock",
    "SELECT shard FROM indexer_shards WHERE consumer = $1::text ORDER BY shard FOR UPDATE"};

constexpr db::Statement take_frame{
    "indexer_retry_take",
    "SELECT raw FROM quarantined_events WHERE fingerprint = $1::bytea FOR UPDATE"};

constexpr db::Statement note_refusal{
    "indexer_retry_refused",
    "UPDATE quarantined_events SET reason = $2::text, path = $3::text, detail = $4::text"
    " WHERE fingerprint = $1::bytea"};

enum class Fate { taken_in, refused_again, gone };

struct Refusal {
    std::string_view reason;
    std::string path;
    std::string detail;
};

struct Tally {
    std::int64_t taken_in = 0;
    std::int64_t refused_again = 0;
    std::int64_t gone = 0;
};

class Retry {
  public:
    Retry(db::Connection& connection, std::string consumer)
        : connection_(connection), consumer_(std::move(consumer)) {}

    asio::awaitable<db::DbResult<Fate>> one(Digest256 fingerprint) {
        auto fate = co_await in_transaction(fingerprint);
        const bool data = !fate && fate.error().of_the_data();
        if (connection_.connected() && (!fate || *fate != Fate::taken_in)) {
            auto deadline = deadline_in(statement_limit);
            auto rolled_back = co_await connection_.execute("ROLLBACK", deadline);
            if (!rolled_back) co_return std::move(rolled_back).error();
        }
        if (data) {
            refusal_ = Refusal{};
            refusal_.reason = "rejected_by_database";
        } else if (!fate || *fate != Fate::refused_again) {
            co_return fate;
        }
        db::Params params;
        params.bytea(as_view(fingerprint))
            .text(refusal_.reason)
            .text(refusal_.path)
            .text(refusal_.detail);
        auto deadline = deadline_in(statement_limit);
        auto noted = co_await connection_.query(note_refusal, std::move(params), deadline);
        if (!noted) co_return std::move(noted).error();
        co_return Fate::refused_again;
    }

  private:
    asio::awaitable<db::DbResult<Fate>> in_transaction(Digest256 fingerprint) {
        auto deadline = deadline_in(statement_limit);
        auto begun = co_await connection_.execute("BEGIN", deadline);
        if (!begun) co_return std::move(begun).error();
        db::Params shards;
        shards.text(consumer_);
        auto locked = co_await connection_.query(lock_shards, std::move(shards), deadline);
        if (!locked) co_return std::move(locked).error();
        db::Params which;
        which.bytea(as_view(fingerprint));
        auto frame = co_await connection_.query(take_frame, std::move(which), deadline);
        if (!frame) co_return std::move(frame).error();
        if (frame->empty() || frame->is_null(0, 0)) co_return Fate::gone;

        const auto item = decode(frame->bytea(0, 0));
        if (!item) co_return Fate::refused_again;
        FoldedBatch batch = fold(std::span(&*item, 1), projector_);
        if (!batch.quarantine.empty()) {
            const QuarantineRow& row = batch.quarantine.front();
            refusal_ = Refusal{};
            refusal_.reason = row.reason;
            refusal_.path = row.path;
            refusal_.detail = row.detail;
            co_return Fate::refused_again;
        }
        batch.resolved.push_back(fingerprint);
        BatchPipeline made = make_retry_pipeline(batch, consumer_);
        deadline = deadline_in(statement_limit);
        auto done = co_await connection_.run("indexer_retry", std::move(made.pipeline), deadline);
        if (!done) co_return std::move(done).error();
        if (!done->ok()) co_return std::move(*done->error);
        if (done->rows.back().command() != "COMMIT") {
            db::Error error;
            error.kind = db::ErrorKind::protocol;
            error.message = "COMMIT was answered with ROLLBACK";
            co_return error;
        }
        co_return Fate::taken_in;
    }

    // Nothing when it cannot be read; refusal_ then says why.
    std::optional<QueueItem> decode(std::string_view raw) {
        auto decoded = decoder_.decode(raw, false);
        if (!decoded) {
            refusal_ = Refusal{};
            refusal_.reason = jetstream::to_string(decoded.error().fault);
            refusal_.path = decoded.error().path;
            refusal_.detail = decoded.error().reason;
            return std::nullopt;
        }
        jetstream::StoredCursor nowhere;  // the retry moves no cursor
        return QueueItem{jetstream::Event(**decoded), 0, nowhere, SteadyClock::now()};
    }

    db::Connection& connection_;
    std::string consumer_;
    jetstream::Decoder decoder_{jetstream::CollectionFilter(std::span<const std::string>())};
    Projector projector_;
    Refusal refusal_;
};

void print(const Tally& tally, bool json) {
    if (json) {
        JsonWriter writer;
        writer.begin_object()
            .field("taken_in", tally.taken_in)
            .field("refused_again", tally.refused_again)
            .field("gone", tally.gone)
            .end_object();
        std::printf("%s\n", writer.take().c_str());
        return;
    }
    std::printf("%lld taken in, %lld refused again, %lld gone meanwhile\n",
                static_cast<long long>(tally.taken_in), static_cast<long long>(tally.refused_again),
                static_cast<long long>(tally.gone));
}

bool is_hexadecimal(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

int failed(const db::Error& error) {
    const std::string why = db::describe(error);
    std::fprintf(stderr, "subcults-indexer quarantine retry: %s\n", why.c_str());
    return service::exit_failed;
}

}  // namespace

std::vector<db::Statement> quarantine_retry_statements() {
    std::vector<db::Statement> statements(writer_sql::all.begin(), writer_sql::all.end());
    for (const db::Statement& own : {select_frames, lock_shards, take_frame, note_refusal})
        statements.push_back(own);
    return statements;
}

asio::awaitable<int> print_retry(db::Connection& connection, std::string consumer,
                                 RetrySelection selection, bool json) {
    if (!is_hexadecimal(selection.fingerprint)) {
        std::fprintf(stderr,
                     "subcults-indexer quarantine retry: --fingerprint is hexadecimal, in "
                     "small letters, as `quarantine list` prints it\n");
        co_return service::exit_usage;
    }
    db::Params params;
    params.text(selection.reason).text(selection.fingerprint).int8(selection.limit);
    auto deadline = deadline_in(statement_limit);
    auto frames = co_await connection.query(select_frames, std::move(params), deadline);
    if (!frames) co_return failed(frames.error());

    Retry retry(connection, std::move(consumer));
    Tally tally;
    for (int row = 0; row < frames->size(); ++row) {
        Digest256 fingerprint{};
        const std::string_view bytes = frames->bytea(row, 0);
        std::copy_n(bytes.begin(), std::min(bytes.size(), fingerprint.size()), fingerprint.begin());
        auto fate = co_await retry.one(fingerprint);
        // A deadlock or a restart of the server: what was done stays done, the rest is not lost.
        if (!fate) co_return failed(fate.error());
        if (*fate == Fate::taken_in) ++tally.taken_in;
        if (*fate == Fate::refused_again) ++tally.refused_again;
        if (*fate == Fate::gone) ++tally.gone;
    }
    print(tally, json);
    co_return service::exit_ok;
}

}  // namespace subcults::indexer
