// What all webhooks have in common that others sign: one signature per request, judged by whoever
// knows its format, and refusals that are logged without a flood. Used by one worker only.
#pragma once

#include "base/log.hpp"
#include "net/http_message.hpp"

#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string_view>

namespace subcults::api {

// Why a request is refused, as a word that lives for ever; nullopt = it is the sender's. The
// verifier has verify(header, body, seconds since 1970), whose error to_string() names.
template <class Verifier>
std::optional<std::string_view> signature_mistake(const net::Request& request,
                                                  std::string_view header_name,
                                                  const Verifier& verifier) {
    const auto header = request.header(header_name);
    if (!header) return "missing";
    if (request.header_count(header_name) > 1) return "several";
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    const auto verified = verifier.verify(*header, request.body(), now);
    if (verified) return std::nullopt;
    return to_string(verified.error());
}

// At most one line a second, which says how many were held back.
class WebhookComplaints {
  public:
    explicit WebhookComplaints(Log& log) : log_(log) {}

    void complain(const net::Request& request, std::string_view event, std::string_view reason) {
        std::uint64_t held_back = 0;
        if (!limit_.allow(held_back)) return;
        log_.warn(event, {{"reason", reason},
                          {"held_back", held_back},
                          {"request_id", request.request_id},
                          {"trace_id", request.trace.self.trace_text()},
                          {"span_id", request.trace.self.span_text()}});
    }

  private:
    Log& log_;
    LogLimit limit_{std::chrono::milliseconds(1000)};
};

}  // namespace subcults::api
