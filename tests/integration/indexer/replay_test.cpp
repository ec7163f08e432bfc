// A stream may be cut into batches anywhere and delivered in parts again and again: what is stored
// depends on neither.
#include "integration/indexer/batch_writer.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <set>

using namespace subcults;
using namespace subcults::test;
using jetstream::Operation;

namespace {

// One event, to be made into a queue item as often as it is delivered.
struct Happening {
    enum class What { commit, state, identity } what = What::commit;
    CommitFields fields;
    bool active = true;
    std::string text;  // status or handle; empty = none
    std::int64_t seq = 0;
};

indexer::QueueItem item(const Happening& happening) {
    const auto maybe = happening.text.empty() ? std::optional<std::string_view>()
                                              : std::optional<std::string_view>(happening.text);
    const CommitFields& fields = happening.fields;
    switch (happening.what) {
        case Happening::What::state:
            return account(fields.did, happening.active, maybe, happening.seq, fields.time_us);
        case Happening::What::identity:
            return identity(fields.did, maybe, happening.seq, fields.time_us);
        case Happening::What::commit:
            break;
    }
    return commit(fields);
}

// A few accounts that write, change their minds, lie, vanish and come back.
class World {
  public:
    explicit World(std::uint32_t seed) : random_(seed) {}

    std::vector<Happening> happenings(std::size_t count) {
        std::vector<Happening> all;
        for (std::size_t i = 0; i < count; ++i) {
            clock_ += 0.02 + static_cast<double>(below(100)) / 20;
            all.push_back(next());
        }
        return all;
    }

  private:
    std::size_t below(std::size_t end) {
        return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
    }
    template <std::size_t N>
    std::string pick(const char* const (&values)[N]) {
        return values[below(N)];
    }

    Happening next() {
        Happening made;
        made.fields.did = pick({"did:plc:a", "did:plc:b", "did:plc:c", "did:plc:d"});
        made.fields.time_us = stamp(clock_);
        made.fields.rev = rev_at(clock_ - 0.01);
        const std::size_t dice = below(20);
        if (dice < 3) {
            made.what = Happening::What::state;
            made.seq = ++seq_;
            made.text = pick({"", "", "", "deactivated", "suspended", "deleted", "deleted"});
            made.active = made.text.empty();
        } else if (dice == 3) {
            made.what = Happening::What::identity;
            made.seq = ++seq_;
            made.text = pick({"one.example", "two.example", ""});
        } else {
            made.fields.collection =
                pick({"app.subcult.scene", "app.subcult.post", "app.subcult.event",
                      "app.subcult.alliance", "app.subcult.membership", "org.example.note"});
            made.fields.rkey = pick({"x", "y", "z"});
            made.fields.operation = below(5) == 0 ? Operation::del : Operation::update;
            made.fields.record = record(made.fields.collection);
        }
        return made;
    }

    std::string record(const std::string& collection) {
        const std::size_t dice = below(12);
        if (dice == 0) return R"({"nothing":"that would be valid"})";
        if (dice == 1) return R"({"contactEmail":"x@y.example"})";
        const std::string key = pick({"x", "y", "z"});
        const std::string owner = pick({"did:plc:a", "did:plc:b"});
        const std::string number = std::to_string(below(101));
        if (collection == "app.subcult.scene") return R"({"name":"scene )" + number + "\"}";
        if (collection == "app.subcult.post") {
            return R"({"text":")" + number + R"(","sceneId":")" + key + "\"}";
        }
        if (collection == "app.subcult.event") {
            return R"({"name":"e","startsAt":"2026-08-01T20:00:00Z","sceneId":")" + key + "\"}";
        }
        if (collection == "app.subcult.alliance") {
            return R"({"toScene":"at://did:plc:z/app.subcult.scene/z","weight":)" + number +
                   R"(,"createdAt":"2026-07-01T00:00:00Z","fromScene":"at://)" + owner +
                   "/app.subcult.scene/" + key + "\"}";
        }
        if (collection == "app.subcult.membership") {
            return R"({"member":"did:plc:m","weight":)" + number +
                   R"(,"createdAt":"2026-07-01T00:00:00Z","scene":"at://)" + owner +
                   "/app.subcult.scene/" + key + "\"}";
        }
        return R"({"n":)" + number + "}";
    }

    std::mt19937 random_;
    double clock_ = 0;
    std::int64_t seq_ = 0;
};

std::vector<indexer::QueueItem> items(std::span<const Happening> happenings) {
    std::vector<indexer::QueueItem> made;
    for (const Happening& happening : happenings)
        made.push_back(item(happening));
    return made;
}

// What must be left of the records, told without SQL: the order of the stream, and nothing else.
std::string expected_records(const std::vector<Happening>& happenings) {
    std::map<std::string, std::string> live;  // at-uri without the scheme -> rev
    for (const Happening& happening : happenings) {
        const CommitFields& f = happening.fields;
        if (happening.what == Happening::What::state && happening.text == "deleted") {
            std::erase_if(live, [&](const auto& e) { return e.first.starts_with(f.did + "/"); });
        }
        if (happening.what != Happening::What::commit) continue;
        const bool gone =
            f.operation == Operation::del || (f.collection.starts_with("app.subcult.") &&
                                              f.record.find("contactEmail") != std::string::npos);
        const std::string key = f.did + "/" + f.collection + "/" + f.rkey;
        if (gone) {
            live.erase(key);
        } else {
            live[key] = f.rev;
        }
    }
    std::string all;
    for (const auto& [key, rev] : live)
        all += key + "=" + rev + "\n";
    return all;
}

std::string stored_records(const TestDatabase& database) {
    return database.execute(
        "SELECT coalesce(string_agg(did || '/' || collection || '/' || rkey || '=' || rev || "
        "E'\\n',"
        " '' ORDER BY (did || '/' || collection || '/' || rkey) COLLATE \"C\"), '')"
        " FROM records WHERE record IS NOT NULL");
}

// The typed rows that are live are those of live records that are valid.
std::string strays(const TestDatabase& database) {
    return database.execute(
        "SELECT count(*) FROM (SELECT uri, rev FROM scenes WHERE deleted_at IS NULL"
        " UNION ALL SELECT uri, rev FROM events WHERE deleted_at IS NULL"
        " UNION ALL SELECT uri, rev FROM posts WHERE deleted_at IS NULL"
        " UNION ALL SELECT uri, rev FROM alliances WHERE deleted_at IS NULL"
        " UNION ALL SELECT uri, rev FROM memberships WHERE deleted_at IS NULL) t"
        " FULL JOIN (SELECT 'at://' || did || '/' || collection || '/' || rkey AS uri, rev"
        " FROM records WHERE record IS NOT NULL AND collection LIKE 'app.subcult.%'"
        " AND NOT record ? 'nothing') r ON r.uri = t.uri AND r.rev = t.rev"
        " WHERE r.uri IS NULL OR t.uri IS NULL");
}

}  // namespace

TEST_CASE("the state does not depend on batches, nor on what is delivered again") {
    std::size_t batches = 0;
    std::size_t redelivered = 0;
    std::size_t deletions = 0;
    for (std::uint32_t seed = 1; seed <= 8; ++seed) {
        INFO("seed " << seed);
        const auto happenings = World(seed).happenings(250);
        for (const Happening& happening : happenings)
            deletions += happening.text == "deleted" ? 1 : 0;

        const TestDatabase plain = TestDatabase::migrated();
        {
            BatchWriter writer(plain);
            for (const Happening& happening : happenings) {
                const indexer::QueueItem one = item(happening);
                writer.write(std::span(&one, 1));
                ++batches;
            }
        }
        REQUIRE(stored_records(plain) == expected_records(happenings));
        REQUIRE(strays(plain) == "0");

        const TestDatabase cut = TestDatabase::migrated();
        BatchWriter writer(cut);
        std::mt19937 random(seed * 7919);
        const auto below = [&](std::size_t end) {
            return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
        };
        std::size_t at = 0;
        std::vector<Happening> batch;
        while (at < happenings.size() || !batch.empty()) {
            // Batches end anywhere, and a connection that begins again begins within one.
            for (std::size_t left = 1 + below(30); left > 0 && at < happenings.size(); --left)
                batch.push_back(happenings[at++]);
            if (below(3) == 0 && at < happenings.size()) {
                const std::size_t back = std::min(at, below(60));
                at -= back;
                redelivered += back;
                if (below(2) == 0) continue;
            }
            writer.write(items(batch));
            batch.clear();
            ++batches;
        }
        REQUIRE(content(cut) == content(plain));

        // And once more from some point on: not a row is touched.
        const std::string before = versions(cut);
        for (const std::size_t from : {std::size_t(0), below(happenings.size())}) {
            for (std::size_t begin = from; begin < happenings.size();) {
                const std::size_t end = std::min(happenings.size(), begin + 1 + below(50));
                writer.write(items(std::span(happenings).subspan(begin, end - begin)));
                begin = end;
                ++batches;
            }
        }
        REQUIRE(versions(cut) == before);
        REQUIRE(content(cut) == content(plain));
    }
    // The worlds were such that it could have gone wrong.
    CHECK(batches > 2000);
    CHECK(redelivered > 500);
    CHECK(deletions > 50);
}
