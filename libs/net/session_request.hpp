// The Request that handlers of a connection see; used again for every request of the connection.
#pragma once

#include "net/http_message.hpp"
#include "net/http_parser.hpp"
#include "net/query.hpp"

#include <boost/asio/ip/address.hpp>

#include <string>
#include <string_view>

namespace subcults::net {

class SessionRequest final : public Request {
  public:
    SessionRequest(const RequestHead& head, const boost::asio::ip::address& peer);

    Method method() const noexcept override { return head_.method; }
    std::string_view path() const noexcept override;
    std::string_view body() const noexcept override { return body_; }
    std::optional<std::string_view> header(std::string_view name) const noexcept override;
    std::size_t header_count(std::string_view name) const noexcept override;
    std::optional<std::string_view> header_at(std::string_view name,
                                              std::size_t index) const noexcept override;
    const QueryParams& query() const override { return query_; }
    std::string_view remote_address() const noexcept override { return remote_; }

    // Forgets the previous request and settles request id and trace: the client's own where
    // acceptable.
    void begin();
    bool set_query(std::string_view text) { return parse_query(text, query_); }
    void set_body(std::string_view body) noexcept { body_ = body; }

  private:
    void settle_trace();

    const RequestHead& head_;
    std::string remote_;
    std::string_view body_;
    QueryParams query_;
};

}  // namespace subcults::net
