// What LiveKit, or somebody in its place, sends: webhooks, answers, errors, signatures. Whatever is
// read is fit for the database: well-formed UTF-8 without NUL, of bounded length.
#include "auth/webhook_signature.hpp"
#include "fuzz/oracle.hpp"
#include "livekit/messages.hpp"
#include "net/query.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace subcults;
namespace livekit = subcults::api::livekit;

namespace {

void check_text(std::string_view value, std::string_view input) {
    if (value.size() > 256) fuzz::fail("a text beyond its limit", input);
    if (!net::is_clean_utf8(value)) fuzz::fail("a text that the database refuses", input);
}

void check(const livekit::Participant& participant, std::string_view input) {
    check_text(participant.identity, input);
    check_text(participant.sid, input);
    if (participant.joined_at.value < 0) fuzz::fail("a time before 1970", input);
    for (const livekit::Track& track : participant.tracks)
        check_text(track.sid, input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto event = livekit::read_webhook(text); event.has_value() && event->useful()) {
        if (event->id.empty() || event->room_name.empty()) fuzz::fail("no id or room", text);
        check_text(event->id, text);
        check_text(event->room_name, text);
        check_text(event->room_sid, text);
        if (event->participant) check(*event->participant, text);
    }
    if (const auto rooms = livekit::read_rooms(text)) {
        for (const livekit::Room& room : *rooms)
            check_text(room.name, text);
    }
    if (const auto people = livekit::read_participants(text)) {
        for (const livekit::Participant& participant : *people)
            check(participant, text);
    }
    livekit::read_participant(text);
    livekit::read_twirp_error(text);
    static const auth::WebhookVerifier verifier("key", Secret("secret"));
    if (verifier.verify(text, text, 1'700'000'000).has_value()) {
        fuzz::fail("a signature out of nothing", text);
    }
    return 0;
}
