// The guard against an independent parser: what it accepts is JSON, what it calls malformed is not,
// and checking the UTF-8 or leaving it out makes no other difference.
#include "jetstream/json_guard.hpp"
#include "oracle.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

using namespace subcults;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const jetstream::GuardVerdict verdict = jetstream::guard_json(text);
    if (verdict.offset > size) fuzz::fail("the fault lies outside the text", text);

    rapidjson::Document document;
    const fuzz::Opinion opinion = fuzz::parse(document, text);
    if (verdict.good() && opinion == fuzz::Opinion::no_json)
        fuzz::fail("accepted, but it is no JSON", text);
    if (verdict.malformed() && opinion == fuzz::Opinion::json)
        fuzz::fail("called malformed, but it is JSON", text);

    jetstream::GuardOptions trusting;
    trusting.utf8_checked = true;
    const jetstream::GuardVerdict trusted = jetstream::guard_json(text, trusting);
    if (verdict.fault != jetstream::GuardFault::utf8 &&
        (trusted.fault != verdict.fault || trusted.offset != verdict.offset)) {
        fuzz::fail("trusting the UTF-8 changed another verdict", text);
    }
    return 0;
}
