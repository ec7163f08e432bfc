#include "sim/generator.hpp"

#include "atproto/cid.hpp"
#include "base/crypto.hpp"
#include "sim/random.hpp"
#include "sim/records.hpp"
#include "sim/text.hpp"
#include "sim/world.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace subcults::sim {
namespace {

using jetstream::Kind;
using jetstream::Operation;

constexpr std::int64_t first_relay_seq = 1'400'000'000;

struct Weight {
    Collection collection;
    unsigned parts;
};
constexpr Weight weights[] = {
    {Collection::profile, 6},      {Collection::act, 8},
    {Collection::place, 6},        {Collection::venue, 6},
    {Collection::scene, 10},       {Collection::event, 14},
    {Collection::tour, 4},         {Collection::appearance, 10},
    {Collection::assertion, 5},    {Collection::app_scene, 8},
    {Collection::app_event, 7},    {Collection::app_post, 8},
    {Collection::app_alliance, 8}, {Collection::app_membership, 10},
};

Collection pick_collection(Random& random) {
    unsigned total = 0;
    for (const Weight& weight : weights)
        total += weight.parts;
    std::size_t at = random.below(total);
    for (const Weight& weight : weights) {
        if (at < weight.parts) return weight.collection;
        at -= weight.parts;
    }
    return Collection::scene;
}

}  // namespace

struct Generator::Impl {
    explicit Impl(const GeneratorOptions& wanted)
        : options(wanted), random(wanted.seed), world(random, wanted.dids) {}

    GeneratedEvent next(std::int64_t time_us) {
        now = std::max(time_us, now + 1);
        GeneratedEvent event;
        const std::size_t roll = random.below(100);
        if (roll < 3) {
            identity(event);
        } else if (roll < 4) {
            account(event);
        } else {
            commit(event);
        }
        event.time_us = now;
        event.frame = write_frame(event);
        return event;
    }

    void identity(GeneratedEvent& event) {
        Person& person = world.person(world.active_person(random));
        event.kind = Kind::identity;
        event.did = person.did;
        event.upstream_seq = ++relay_seq;
        if (random.chance(40)) person.handle = make_handle(random);
        // Relays often leave the handle out: whoever cares is to resolve it again.
        if (random.chance(70)) event.handle = person.handle;
    }

    void account(GeneratedEvent& event) {
        event.kind = Kind::account;
        event.upstream_seq = ++relay_seq;
        const auto& inactive = world.inactive();
        const bool crowded = inactive.size() * 2 >= world.people().size();
        if (!inactive.empty() && (crowded || random.chance(50))) {
            const std::size_t index = random.pick(inactive);
            event.did = world.person(index).did;
            event.active = true;
            world.set_status(index, "");
            return;
        }
        constexpr std::string_view statuses[] = {"deactivated", "deactivated", "deactivated",
                                                 "takendown",   "suspended",   "deleted"};
        const std::size_t index = world.active_person(random);
        const std::string status(random.pick(statuses));
        event.did = world.person(index).did;
        event.active = false;
        event.status = status;
        if (status == "deleted") {
            world.replace_person(random, index);
        } else {
            world.set_status(index, status);
        }
    }

    void commit(GeneratedEvent& event) {
        const std::size_t roll = random.below(100);
        const bool full = world.live() >= options.max_records;
        const bool create = roll < 75;
        if (!create || full) {
            if (const auto index = writable_record()) {
                if (roll >= 90 || create) {
                    remove(event, *index);
                } else {
                    update(event, *index);
                }
                return;
            }
        }
        this->create(event);
    }

    // A live record whose owner may commit.
    std::optional<std::size_t> writable_record() {
        for (int attempt = 0; attempt < 8 && world.live() > 0; ++attempt) {
            const std::size_t index = random.below(world.live());
            if (world.people()[world.record(index).owner].status.empty()) return index;
        }
        return std::nullopt;
    }

    void create(GeneratedEvent& event) {
        Collection collection = pick_collection(random);
        std::optional<World::Promise> promise;
        if (random.chance(50)) promise = world.take_promise(collection);
        std::optional<std::size_t> owner;
        if (promise) owner = promise->owner;
        std::optional<Plan> plan = plan_record(world, random, collection, owner, now);
        if (!plan) {
            // Nothing to refer to yet: begin with what stands on its own.
            collection = random.chance(50) ? Collection::scene : Collection::place;
            promise.reset();
            plan = plan_record(world, random, collection, std::nullopt, now);
        }
        Record record;
        record.collection = collection;
        record.owner = plan->owner;
        record.rkey = promise ? promise->rkey : world.next_tid(plan->owner, now);
        record.created_at = now;
        record.anchors = std::move(plan->anchors);
        fill(event, Operation::create, record, write_record(random, record, std::nullopt));
        world.add(std::move(record));
    }

    void update(GeneratedEvent& event, std::size_t index) {
        const Record& record = world.record(index);
        fill(event, Operation::update, record, write_record(random, record, now));
    }

    void remove(GeneratedEvent& event, std::size_t index) {
        fill(event, Operation::del, world.record(index), "");
        world.remove(index);
    }

    void fill(GeneratedEvent& event, Operation operation, const Record& record, std::string json) {
        event.kind = Kind::commit;
        event.operation = operation;
        event.did = world.person(record.owner).did;
        event.rev = world.next_tid(record.owner, now);
        event.collection = nsid(record.collection);
        event.rkey = record.rkey;
        if (operation == Operation::del) return;
        event.cid = atproto::dag_cbor_cid(sha256(json));
        event.record = std::move(json);
    }

    static std::string write_frame(const GeneratedEvent& event) {
        JsonObject frame;
        frame.text("did", event.did).number("time_us", event.time_us);
        frame.text("kind", to_string(event.kind));
        JsonObject body;
        switch (event.kind) {
            case Kind::commit:
                body.text("rev", event.rev).text("operation", to_string(event.operation));
                body.text("collection", event.collection).text("rkey", event.rkey);
                if (event.operation != Operation::del) {
                    body.raw("record", event.record).text("cid", event.cid);
                }
                break;
            case Kind::identity:
                body.text("did", event.did);
                if (event.handle) body.text("handle", *event.handle);
                body.number("seq", event.upstream_seq).time("time", event.time_us);
                break;
            case Kind::account:
                body.boolean("active", event.active).text("did", event.did);
                body.number("seq", event.upstream_seq);
                if (event.status) body.text("status", *event.status);
                body.time("time", event.time_us);
                break;
        }
        frame.raw(to_string(event.kind), std::move(body).finish());
        return std::move(frame).finish();
    }

    GeneratorOptions options;
    Random random;
    World world;
    std::int64_t now = 0;
    std::int64_t relay_seq = first_relay_seq;
};

Generator::Generator(GeneratorOptions options) : impl_(std::make_unique<Impl>(options)) {}
Generator::~Generator() = default;
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;

GeneratedEvent Generator::next(std::int64_t time_us) {
    return impl_->next(time_us);
}

}  // namespace subcults::sim
