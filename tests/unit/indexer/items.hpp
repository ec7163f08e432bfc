// Queue items for tests, from the few fields a test cares about.
#pragma once

#include "queue/event_queue.hpp"

#include <string>

namespace subcults::test {

inline constexpr std::int64_t some_time_us = 1'783'175'888'000'000;

struct CommitFields {
    std::string did = "did:plc:a";
    std::string rev = "3mptbypluud2a";
    std::string collection = "app.subcult.scene";
    std::string rkey = "r1";
    std::string record = R"({"name":"Basement"})";
    jetstream::Operation operation = jetstream::Operation::create;
    std::int64_t time_us = some_time_us;
    std::size_t endpoint = 0;
};

inline indexer::QueueItem wrap(const jetstream::EventView& view, std::size_t endpoint = 0) {
    jetstream::StoredCursor mark;
    mark.time_us = view.time_us;
    return indexer::QueueItem{jetstream::Event(view), endpoint, mark, SteadyClock::now()};
}

inline indexer::QueueItem commit(const CommitFields& fields) {
    jetstream::EventView view;
    view.did = fields.did;
    view.rev = fields.rev;
    view.collection = fields.collection;
    view.rkey = fields.rkey;
    view.operation = fields.operation;
    view.time_us = fields.time_us;
    if (fields.operation != jetstream::Operation::del) {
        view.record = fields.record;
        view.cid = "bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i";
    }
    return wrap(view, fields.endpoint);
}

inline indexer::QueueItem account(const std::string& did, bool active,
                                  std::optional<std::string_view> status = std::nullopt,
                                  std::int64_t seq = 0, std::int64_t time_us = some_time_us) {
    jetstream::EventView view;
    view.kind = jetstream::Kind::account;
    view.did = did;
    view.active = active;
    view.status = status;
    view.upstream_seq = seq;
    view.time_us = time_us;
    return wrap(view);
}

inline indexer::QueueItem identity(const std::string& did, std::optional<std::string_view> handle,
                                   std::int64_t seq = 0, std::int64_t time_us = some_time_us) {
    jetstream::EventView view;
    view.kind = jetstream::Kind::identity;
    view.did = did;
    view.handle = handle;
    view.upstream_seq = seq;
    view.time_us = time_us;
    return wrap(view);
}

template <class... Items>
std::vector<indexer::QueueItem> list(Items... items) {
    std::vector<indexer::QueueItem> all;
    (all.push_back(std::move(items)), ...);
    return all;
}

}  // namespace subcults::test
