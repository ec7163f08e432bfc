// The scrape endpoint. Rendering happens on the admin thread, never on one that serves requests,
// and includes everything that was acknowledged before the scrape arrived.
#pragma once

#include "metrics/registry.hpp"
#include "net/router.hpp"

#include <boost/asio/io_context.hpp>

namespace subcults::service {

// A handler that renders `registry` on `admin` and compresses for clients that accept gzip. When
// many scrapes are under way already it answers 503. Both must outlive the handler.
net::Handler metrics_handler(const metrics::Registry& registry, boost::asio::io_context& admin);

// gzip (RFC 1952) of `text`, level 1: for scrapes, time matters more than the last few bytes.
std::string gzip(std::string_view text);

// Whether an Accept-Encoding value allows gzip (q=0 refuses it).
bool accepts_gzip(std::string_view accept_encoding) noexcept;

}  // namespace subcults::service
