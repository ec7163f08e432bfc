#include "jetstream/event.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace subcults::jetstream;

namespace {

struct Sample {
    std::string did, rev, collection, rkey, cid, record;
    EventView view() const {
        EventView event;
        event.operation = Operation::update;
        event.time_us = 1'783'175'888'085'434;
        event.seq = 77;
        event.did = did;
        event.rev = rev;
        event.collection = collection;
        event.rkey = rkey;
        event.cid = cid;
        event.record = record;
        return event;
    }
};

Sample long_sample() {
    return {"did:plc:z72i7hdynmk6r22z27h6tvur",
            "3mptbypluud2a",
            "tv.subcult.scene",
            "self",
            "bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i",
            R"({"name":"Noise"})"};
}

void check_equal(const EventView& a, const EventView& b) {
    CHECK(a.kind == b.kind);
    CHECK(a.operation == b.operation);
    CHECK(a.time_us == b.time_us);
    CHECK(a.seq == b.seq);
    CHECK(a.did == b.did);
    CHECK(a.rev == b.rev);
    CHECK(a.collection == b.collection);
    CHECK(a.rkey == b.rkey);
    CHECK(a.cid == b.cid);
    CHECK(a.record == b.record);
    CHECK(a.handle == b.handle);
    CHECK(a.active == b.active);
    CHECK(a.status == b.status);
    CHECK(a.upstream_seq == b.upstream_seq);
}

}  // namespace

static_assert(std::is_nothrow_move_constructible_v<Event>);
static_assert(std::is_nothrow_move_assignable_v<Event>);
static_assert(!std::is_copy_constructible_v<Event>);

TEST_CASE("An event keeps its bytes when the frame it came from is gone") {
    Sample source = long_sample();
    const Event event(source.view());
    source.record.assign(source.record.size(), 'x');
    source.did.assign(source.did.size(), 'x');
    check_equal(event.view(), long_sample().view());
}

TEST_CASE("A moved event shows the same texts from its new place, long or short") {
    // A text of at most 15 bytes lives inside the string object and moves with the event.
    for (const Sample& source : {long_sample(), Sample{"d", "r", "c", "k", "i", "{}"}, Sample{}}) {
        Event first(source.view());
        Event second(std::move(first));
        check_equal(second.view(), source.view());
        const char* const begin = reinterpret_cast<const char*>(&second);
        const bool inside =
            second.view().did.data() >= begin && second.view().did.data() < begin + sizeof(Event);
        CHECK(inside == (second.bytes() == sizeof(Event)));

        Event third(long_sample().view());
        third = std::move(second);
        check_equal(third.view(), source.view());
    }
}

TEST_CASE("A moved-from event is empty and can be looked at and refilled") {
    const Sample source = long_sample();
    Event first(source.view());
    const Event second(std::move(first));
    check_equal(first.view(), EventView{});  // NOLINT: the point
    CHECK(first.bytes() == sizeof(Event));
    first = Event(source.view());
    check_equal(first.view(), source.view());

    Event third(Sample{}.view());
    third = std::move(first);
    CHECK(first.view().did.empty());  // NOLINT: the point
    CHECK(first.bytes() == sizeof(Event));
}

TEST_CASE("Assigning an event to itself changes nothing") {
    const Sample source = long_sample();
    Event event(source.view());
    Event& alias = event;
    event = std::move(alias);
    check_equal(event.view(), source.view());
}

TEST_CASE("Events survive the reallocation of the queue that holds them") {
    std::vector<Event> queue;
    std::vector<std::string> names;
    for (int i = 0; i < 100; ++i)
        names.push_back(std::string(static_cast<std::size_t>(i), 'n'));
    for (const std::string& name : names) {
        EventView view;
        view.did = name;
        queue.emplace_back(view);
    }
    for (std::size_t i = 0; i < names.size(); ++i)
        CHECK(queue[i].view().did == names[i]);
}

TEST_CASE("Accounting counts the object and its one allocation") {
    Sample source = long_sample();
    const std::size_t small = Event(source.view()).bytes();
    source.record = "{\"a\":\"" + std::string(100'000, 'b') + "\"}";
    const std::size_t large = Event(source.view()).bytes();
    CHECK(small > sizeof(Event) + 100);
    CHECK(small < sizeof(Event) + 400);
    CHECK(large >= small + 99'000);
    CHECK(large < small + 110'000);
    CHECK(Event(EventView{}).bytes() == sizeof(Event));
}

TEST_CASE("Absent and empty handles and statuses stay different") {
    EventView identity;
    identity.kind = Kind::identity;
    identity.did = "did:plc:a";
    CHECK_FALSE(Event(identity).view().handle.has_value());
    identity.handle = "ana.subcult.tv";
    identity.upstream_seq = 4;
    check_equal(Event(identity).view(), identity);

    EventView account;
    account.kind = Kind::account;
    account.did = "did:plc:a";
    account.active = false;
    CHECK_FALSE(Event(account).view().status.has_value());
    account.status = "";
    check_equal(Event(account).view(), account);
}

TEST_CASE("Kinds and operations print as the wire spells them") {
    CHECK(to_string(Kind::commit) == "commit");
    CHECK(to_string(Kind::identity) == "identity");
    CHECK(to_string(Kind::account) == "account");
    CHECK(to_string(Operation::create) == "create");
    CHECK(to_string(Operation::update) == "update");
    CHECK(to_string(Operation::del) == "delete");
}
