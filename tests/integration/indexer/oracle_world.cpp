#include "integration/indexer/oracle_world.hpp"

#include "atproto/tid.hpp"
#include "sim/generator.hpp"

#include <algorithm>

namespace subcults::test {
namespace {

constexpr std::int64_t start_us = 1'783'175'888'000'000;
constexpr std::int64_t step_us = 1000;

FrameKind kind_at(std::size_t index) {
    if (index % 149 == 100) return FrameKind::refused;
    if (index % 97 == 50) return FrameKind::malformed;
    if (index % 61 == 30) return FrameKind::invalid;
    if (index % 83 == 40) return FrameKind::forbidden;
    if (index % 29 == 7) return FrameKind::unwanted;
    return FrameKind::ordinary;
}

std::string commit(std::size_t index, std::int64_t time_us, const std::string& collection,
                   const std::string& rkey, const std::string& record) {
    const std::string did = "did:plc:stranger" + std::to_string(index % 7);
    const atproto::TidText tid(atproto::Tid{time_us, 3});
    const std::string rev(tid.view());
    std::string frame = R"({"did":")" + did + R"(","time_us":)" + std::to_string(time_us);
    frame += R"(,"kind":"commit","commit":{"rev":")" + rev;
    if (record.empty()) {
        frame += R"(","operation":"delete","collection":")" + collection + R"(","rkey":")" + rkey;
        return frame + "\"}}";
    }
    frame += R"(","operation":"create","collection":")" + collection + R"(","rkey":")" + rkey;
    frame += R"(","record":)" + record;
    frame += R"(,"cid":"bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i"}})";
    return frame;
}

constexpr const char* created = R"("createdAt":"2026-07-04T14:38:08Z")";

std::string odd_frame(FrameKind kind, std::size_t index, std::int64_t time_us) {
    const std::string number = std::to_string(index);
    const std::string date = created;
    switch (kind) {
        case FrameKind::ordinary:
            break;
        case FrameKind::malformed:
            return "{\"did\":\"did:plc:stranger\",\"broken " + number;
        case FrameKind::invalid:
            return commit(index, time_us, "tv.subcult.scene", "invalid" + number,
                          "{\"description\":\"a scene without a name\"," + date + "}");
        case FrameKind::forbidden:
            return commit(index, time_us, "tv.subcult.place", "forbidden" + number,
                          R"({"name":"Cellar","country":"DE","timezone":"Europe/Berlin",)"
                          R"("coarseGeohash":"u33d","contactEmail":"someone@venue.example",)" +
                              date + "}");
        case FrameKind::refused:
            return commit(index, time_us, "tv.subcult.place", "refused" + number,
                          R"({"name":"Yard","country":"DE","timezone":"Europe/Berlin",)"
                          R"("coarseGeohash":"u33d",)" +
                              date + "}");
        case FrameKind::unwanted:
            return commit(
                index, time_us, "app.bsky.feed.like", "like" + number,
                R"({"subject":{"uri":"at://did:plc:a/app.bsky.feed.post/b"},)" + date + "}");
    }
    return {};
}

}  // namespace

std::size_t OracleWorld::count(FrameKind kind) const {
    return static_cast<std::size_t>(std::count(kinds.begin(), kinds.end(), kind));
}

std::vector<std::string> OracleWorld::frames_for_fold() const {
    std::vector<std::string> chosen;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        if (kinds[i] == FrameKind::ordinary || kinds[i] == FrameKind::invalid) {
            chosen.push_back(frames[i]);
        }
        if (kinds[i] == FrameKind::forbidden) {
            const std::int64_t time_us = start_us + static_cast<std::int64_t>(i + 1) * step_us;
            chosen.push_back(
                commit(i, time_us, "tv.subcult.place", "forbidden" + std::to_string(i), {}));
        }
    }
    return chosen;
}

OracleWorld make_world(std::uint64_t seed, std::size_t dids, std::size_t frames) {
    sim::GeneratorOptions options;
    options.seed = seed;
    options.dids = dids;
    sim::Generator generator(options);
    OracleWorld world;
    std::int64_t time_us = start_us;
    bool ends_with_commit = false;
    for (std::size_t i = 0; i < frames || !ends_with_commit; ++i) {
        time_us += step_us;
        const FrameKind kind = i < frames ? kind_at(i) : FrameKind::ordinary;
        ends_with_commit = false;
        if (kind == FrameKind::ordinary) {
            sim::GeneratedEvent event = generator.next(time_us);
            ends_with_commit = event.kind == jetstream::Kind::commit;
            world.frames.push_back(std::move(event.frame));
        } else {
            world.frames.push_back(odd_frame(kind, i, time_us));
        }
        world.kinds.push_back(kind);
    }
    world.last_us = time_us;
    return world;
}

std::string oracle_collections() {
    std::string list = "tv.subcult.*,app.subcult.*";
    for (int i = 0; i < 100; ++i)
        list += ",net.example.unused" + std::to_string(i) + ".*";
    return list;
}

}  // namespace subcults::test
