#include "net/session_request.hpp"

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>

namespace subcults::net {

SessionRequest::SessionRequest(const RequestHead& head, const boost::asio::ip::address& peer)
    : head_(head) {
    namespace ip = boost::asio::ip;
    // A v4 client on a dual-stack socket is one and the same client for rate limits.
    if (peer.is_v6() && peer.to_v6().is_v4_mapped()) {
        remote_ = ip::make_address_v4(ip::v4_mapped, peer.to_v6()).to_string();
    } else {
        remote_ = peer.to_string();
    }
}

std::string_view SessionRequest::path() const noexcept {
    const auto target = split_target(head_.target());
    return target ? target->path : std::string_view{};
}

std::optional<std::string_view> SessionRequest::header(std::string_view name) const noexcept {
    return head_.find(name);
}

std::size_t SessionRequest::header_count(std::string_view name) const noexcept {
    return head_.count(name);
}

std::optional<std::string_view> SessionRequest::header_at(std::string_view name,
                                                          std::size_t index) const noexcept {
    return head_.find(name, index);
}

void SessionRequest::begin() {
    body_ = {};
    query_.clear();
    text_params.clear();
    uuid_params.clear();
    principal.did.clear();
    principal.role.clear();
    deadline = {};
    answer_headers.clear();
    if (head_.request_id && is_request_id(head_.text(*head_.request_id))) {
        request_id = head_.text(*head_.request_id);
    } else {
        request_id = uuid_v7().to_string();
    }
    settle_trace();
}

void SessionRequest::settle_trace() {
    trace.state.clear();
    std::optional<TraceParent> caller;
    // Of several nobody can say which one is meant.
    if (head_.count("traceparent") == 1) caller = TraceParent::parse(*head_.find("traceparent"));
    if (!caller) {
        trace.self = TraceParent::start();
        return;
    }
    trace.self = caller->child();
    const auto first = head_.find("tracestate");
    if (!first) return;
    if (head_.count("tracestate") == 1) {
        trace.take_state(*first);
        return;
    }
    std::string joined(*first);
    for (std::size_t i = 1; joined.size() <= longest_tracestate; ++i) {
        const auto line = head_.find("tracestate", i);
        if (!line) break;
        joined.append(",").append(*line);
    }
    trace.take_state(joined);
}

}  // namespace subcults::net
