#include "sim/records.hpp"

#include "atproto/at_uri.hpp"
#include "sim/text.hpp"

#include <string_view>
#include <utility>

namespace subcults::sim {
namespace {

// Operands of + are evaluated in an order that compilers choose: at most one of them may draw from
// the random numbers, or frames would differ from build to build.

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t day = 86'400 * second;

// A record of this collection, sometimes one that will only be written later.
std::optional<std::string> reference(World& world, Random& random, Collection collection,
                                     std::int64_t now) {
    const auto& known = world.of(collection);
    if (random.chance(4)) {
        const std::size_t owner = world.active_person(random);
        World::Promise promise{owner, world.next_tid(owner, now)};
        const std::string uri =
            atproto::make_at_uri(world.person(owner).did, nsid(collection), promise.rkey);
        world.promise(collection, std::move(promise));
        return uri;
    }
    if (known.empty()) return std::nullopt;
    return world.uri(random.pick(known));
}

// A scene whose owner may commit, in either generation of the lexicon.
std::optional<std::size_t> own_scene(World& world, Random& random) {
    const bool canonical = random.chance(60);
    const auto& scenes = world.of(canonical ? Collection::scene : Collection::app_scene);
    for (int attempt = 0; attempt < 4 && !scenes.empty(); ++attempt) {
        const std::size_t scene = random.pick(scenes);
        if (world.people()[world.record(scene).owner].status.empty()) return scene;
    }
    return std::nullopt;
}

// Historical records name a scene of their own repository by its key, newer writers by its address.
std::string scene_id(World& world, Random& random, std::size_t scene) {
    return random.chance(70) ? world.record(scene).rkey : world.uri(scene);
}

std::string geohash(Random& random) {
    return make_geohash(random, random.between(3, 8));
}

std::string strings(const std::vector<std::string>& items) {
    std::string json = "[";
    for (const std::string& item : items) {
        if (json.size() > 1) json.push_back(',');
        json.append(json_string(item));
    }
    return json + "]";
}

std::string some_tags(Random& random) {
    std::vector<std::string> tags;
    for (std::size_t count = random.between(1, 5); count > 0; --count) {
        tags.push_back(make_tag(random));
    }
    return strings(tags);
}

constexpr std::string_view countries[] = {"DE", "PL", "JP", "BR", "US", "GB", "PT", "ZA"};
constexpr std::string_view zones[] = {"Europe/Berlin", "Europe/Warsaw",     "Asia/Tokyo",
                                      "Europe/London", "America/Sao_Paulo", "America/New_York"};
constexpr std::string_view disclosures[] = {"public", "coarse", "protected"};
constexpr std::string_view profile_kinds[] = {"artist",     "venue", "festival", "promoter",
                                              "collective", "label", "curator"};
constexpr std::string_view event_kinds[] = {"show",   "festival",  "party",
                                            "meetup", "broadcast", "other"};
constexpr std::string_view event_statuses[] = {"announced", "announced", "announced",
                                               "postponed", "cancelled", "completed"};
constexpr std::string_view tour_statuses[] = {"draft", "announced", "changed", "cancelled",
                                              "completed"};
constexpr std::string_view roles[] = {"headliner", "support", "performer", "dj",
                                      "speaker",   "host",    "other"};
constexpr std::string_view appearance_statuses[] = {"announced", "changed", "cancelled",
                                                    "completed"};
constexpr std::string_view assertion_statuses[] = {"active", "active", "corrected", "withdrawn",
                                                   "conflict"};
constexpr std::string_view member_roles[] = {"owner", "curator", "member", "member", "guest"};
constexpr std::string_view member_statuses[] = {"pending", "active", "active", "active",
                                                "rejected"};
constexpr std::string_view alliance_statuses[] = {"active", "active", "pending", "ended"};
constexpr std::string_view visibilities[] = {"public", "public", "public", "unlisted"};

std::string random_location(Random& random) {
    // Two decimals are about a kilometre: all that a public record may say.
    const auto degrees = [&random](std::size_t range) {
        const auto hundredths = static_cast<std::int64_t>(random.below(range * 200)) -
                                static_cast<std::int64_t>(range) * 100;
        const std::int64_t magnitude = hundredths < 0 ? -hundredths : hundredths;
        std::string text = hundredths < 0 ? "-" : "";
        text += std::to_string(magnitude / 100) + (magnitude % 100 < 10 ? ".0" : ".");
        return text + std::to_string(magnitude % 100);
    };
    JsonObject location;
    location.raw("lat", degrees(85)).raw("lng", degrees(179));
    location.boolean("allowPrecise", random.chance(20));
    return std::move(location).finish();
}

}  // namespace

std::optional<Plan> plan_record(World& world, Random& random, Collection collection,
                                std::optional<std::size_t> owner, std::int64_t now) {
    Plan plan;
    plan.owner = owner ? *owner : world.active_person(random);
    const auto need = [&](Collection kind) {
        const auto uri = reference(world, random, kind, now);
        if (uri) plan.anchors.push_back(*uri);
        return uri.has_value();
    };
    switch (collection) {
        case Collection::profile:
        case Collection::act:
        case Collection::place:
        case Collection::scene:
        case Collection::app_scene:
            return plan;
        case Collection::venue:
            if (!need(Collection::place)) return std::nullopt;
            return plan;
        case Collection::event:
            if (!need(Collection::place)) return std::nullopt;
            if (random.chance(60)) need(Collection::scene);
            return plan;
        case Collection::tour:
            if (!need(Collection::act)) return std::nullopt;
            return plan;
        case Collection::appearance:
            if (!need(Collection::event) || !need(Collection::act)) return std::nullopt;
            return plan;
        case Collection::assertion: {
            constexpr Collection targets[] = {Collection::event, Collection::act, Collection::venue,
                                              Collection::scene};
            if (!need(random.pick(targets))) return std::nullopt;
            return plan;
        }
        case Collection::app_event:
        case Collection::app_post:
        case Collection::app_alliance:
        case Collection::app_membership:
            break;
    }
    // The rest lives with the owner of the scene that it is about.
    const auto scene = own_scene(world, random);
    if (!scene || owner) return std::nullopt;
    plan.owner = world.record(*scene).owner;
    if (collection == Collection::app_event || collection == Collection::app_post) {
        plan.anchors.push_back(scene_id(world, random, *scene));
        return plan;
    }
    plan.anchors.push_back(world.uri(*scene));
    if (collection == Collection::app_membership) {
        plan.anchors.push_back(world.people()[random.below(world.people().size())].did);
        return plan;
    }
    const bool canonical = random.chance(60);
    if (!need(canonical ? Collection::scene : Collection::app_scene)) return std::nullopt;
    if (plan.anchors[0] == plan.anchors[1]) return std::nullopt;
    return plan;
}

std::string write_record(Random& random, const Record& record,
                         std::optional<std::int64_t> updated_at) {
    const std::int64_t created = record.created_at;
    const auto anchor = [&record](std::size_t i) { return std::string_view(record.anchors[i]); };
    JsonObject json;
    json.text("$type", nsid(record.collection));
    switch (record.collection) {
        case Collection::profile:
            json.text("name", make_name(random)).text("kind", random.pick(profile_kinds));
            if (random.chance(70)) json.text("description", make_prose(random, random.below(600)));
            break;
        case Collection::act:
            json.text("name", make_name(random));
            break;
        case Collection::place:
            json.text("name", make_name(random))
                .text("country", random.pick(countries))
                .text("timezone", random.pick(zones))
                .text("coarseGeohash", geohash(random));
            if (random.chance(50)) json.text("region", make_name(random));
            break;
        case Collection::venue: {
            const std::string_view disclosure = random.pick(disclosures);
            json.text("name", make_name(random))
                .text("place", anchor(0))
                .text("disclosure", disclosure);
            if (disclosure == "public") {
                std::string address = make_name(random) + ", Yard ";
                address += std::to_string(random.between(1, 40));
                json.text("publicAddress", address);
            }
            break;
        }
        case Collection::scene:
            json.text("name", make_name(random)).text("coarseGeohash", geohash(random));
            if (random.chance(80)) json.text("description", make_prose(random, random.below(900)));
            if (random.chance(80)) json.raw("tags", some_tags(random));
            json.text("visibility", random.pick(visibilities));
            break;
        case Collection::event: {
            const std::int64_t starts = created + static_cast<std::int64_t>(random.below(90)) * day;
            std::string title = make_name(random);
            title += " " + make_name(random);
            json.text("title", title)
                .time("startsAt", starts / second * second)
                .text("place", anchor(0))
                .text("disclosure", random.pick(disclosures))
                .text("kind", random.pick(event_kinds))
                .text("status", random.pick(event_statuses));
            if (random.chance(60)) json.time("endsAt", starts / second * second + day / 4);
            if (random.chance(80)) json.text("description", make_prose(random, random.below(1500)));
            if (record.anchors.size() > 1) {
                json.raw("hostScenes", strings({record.anchors[1]}));
            }
            if (random.chance(50)) json.text("coarseGeohash", geohash(random));
            break;
        }
        case Collection::tour:
            json.text("title", make_name(random))
                .text("primaryAct", anchor(0))
                .text("status", random.pick(tour_statuses));
            if (random.chance(50)) {
                json.text("canonicalUrl",
                          "https://tour.example/" + std::to_string(random.below(100'000)));
            }
            break;
        case Collection::appearance:
            json.text("event", anchor(0))
                .text("act", anchor(1))
                .text("role", random.pick(roles))
                .text("status", random.pick(appearance_statuses));
            if (random.chance(40)) json.time("setStartsAt", created / second * second + day);
            break;
        case Collection::assertion: {
            std::string source = "https://listings.example/" + make_tag(random) + "?id=";
            source += std::to_string(random.below(1'000'000));
            json.text("target", anchor(0))
                .text("sourceUrl", source)
                .time("assertedAt", created)
                .time("observedAt", created)
                .text("status", random.pick(assertion_statuses))
                .number("confidence", static_cast<std::int64_t>(random.between(0, 100)));
            break;
        }
        case Collection::app_scene:
            json.text("name", make_name(random));
            if (random.chance(70)) json.text("description", make_prose(random, random.below(500)));
            if (random.chance(60)) json.raw("location", random_location(random));
            if (random.chance(60)) json.raw("tags", some_tags(random));
            json.text("visibility", random.pick(visibilities));
            break;
        case Collection::app_event:
            json.text("name", make_name(random))
                .text("sceneId", anchor(0))
                .time("startsAt", created / second * second + 7 * day);
            if (random.chance(70)) json.text("description", make_prose(random, random.below(700)));
            if (random.chance(40)) json.raw("location", random_location(random));
            if (random.chance(40)) json.raw("tags", some_tags(random));
            json.text("status", "scheduled");
            break;
        case Collection::app_post:
            json.text("text", make_prose(random, random.between(20, 300)))
                .text("sceneId", anchor(0));
            if (random.chance(10)) json.raw("labels", strings({"spoiler"}));
            break;
        case Collection::app_alliance:
            json.text("fromScene", anchor(0))
                .text("toScene", anchor(1))
                .number("weight", static_cast<std::int64_t>(random.between(0, 100)))
                .text("status", random.pick(alliance_statuses))
                .text("reason", make_prose(random, random.between(10, 120)))
                .time("since", created / day * day);
            break;
        case Collection::app_membership:
            json.text("scene", anchor(0))
                .text("member", anchor(1))
                .text("role", random.pick(member_roles))
                .text("status", random.pick(member_statuses))
                .number("weight", static_cast<std::int64_t>(random.between(0, 100)))
                .time("since", created / day * day);
            break;
    }
    json.time("createdAt", created);
    if (updated_at && record.collection != Collection::assertion) {
        json.time("updatedAt", *updated_at);
    }
    return std::move(json).finish();
}

}  // namespace subcults::sim
