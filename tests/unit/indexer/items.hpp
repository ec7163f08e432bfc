// Queue items for tests, from the few fields a test cares about.
#pragma once

#include "queue/event_queue.hpp"

#include <string>

namespace subcults::test {

struct CommitFields {
    std::string did = "did:plc:a";
    std::string rev = "3mptbypluud2a";
    std::string collection = "tv.subcult.scene";
    std::string rkey = "r1";
    std::string record = R"({"name":"Basement"})";
    jetstream::Operation operation = jetstream::Operation::create;
    std::int64_t time_us = 1'783'175'888'000'000;
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
                                  std::optional<std::string_view> status = std::nullopt) {
    jetstream::EventView view;
    view.kind = jetstream::Kind::account;
    view.did = did;
    view.active = active;
    view.status = status;
    view.time_us = 1'783'175'888'000'000;
    return wrap(view);
}

}  // namespace subcults::test
