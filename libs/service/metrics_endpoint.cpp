#include "service/metrics_endpoint.hpp"

#include <zlib.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <stdexcept>

namespace subcults::service {

namespace asio = boost::asio;

namespace {

constexpr std::size_t compress_from = 1024;
constexpr int max_scrapes = 8;
constexpr std::string_view text_format = "text/plain; version=0.0.4; charset=utf-8";

struct Rendered {
    std::string body;
    bool compressed = false;
};

asio::awaitable<Rendered> render(const metrics::Registry& registry, bool compress) {
    Rendered rendered;
    registry.render(rendered.body);
    if (compress && rendered.body.size() >= compress_from) {
        rendered.body = gzip(rendered.body);
        rendered.compressed = true;
    }
    co_return rendered;
}

// Counts scrapes under way; gives its place back when destroyed.
class Place {
  public:
    explicit Place(std::shared_ptr<std::atomic<int>> count) : count_(std::move(count)) {
        taken_ = count_->fetch_add(1) < max_scrapes;
    }
    ~Place() { count_->fetch_sub(1); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    bool taken() const noexcept { return taken_; }

  private:
    std::shared_ptr<std::atomic<int>> count_;
    bool taken_ = false;
};

asio::awaitable<net::Response> scrape(const metrics::Registry& registry, asio::io_context& admin,
                                      std::shared_ptr<std::atomic<int>> under_way,
                                      net::Request& request) {
    const Place place(std::move(under_way));
    if (!place.taken()) {
        co_return net::retry_response(503, "overloaded", "Too many scrapes at once.",
                                      request.request_id, 1);
    }
    const bool compress = accepts_gzip(request.header("Accept-Encoding").value_or(""));
    auto executor = admin.get_executor();
    Rendered rendered =
        co_await asio::co_spawn(executor, render(registry, compress), asio::use_awaitable);
    net::Response response;
    response.content_type = text_format;
    response.body = std::move(rendered.body);
    if (rendered.compressed) response.headers.emplace_back("Content-Encoding", "gzip");
    response.headers.emplace_back("Vary", "Accept-Encoding");
    co_return response;
}

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

}  // namespace

net::Handler metrics_handler(const metrics::Registry& registry, asio::io_context& admin) {
    auto under_way = std::make_shared<std::atomic<int>>(0);
    return [&registry, &admin, under_way](net::Request& request) {
        return scrape(registry, admin, under_way, request);
    };
}

std::string gzip(std::string_view text) {
    z_stream stream{};
    constexpr int gzip_window = 15 + 16;
    if (deflateInit2(&stream, 1, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        throw std::runtime_error("zlib cannot start");
    }
    std::string out(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
    // zlib's input pointer is not const in its older interface, but it is not written through.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    if (result != Z_STREAM_END) throw std::runtime_error("zlib did not finish");
    return out;
}

bool accepts_gzip(std::string_view accept_encoding) noexcept {
    while (!accept_encoding.empty()) {
        const std::size_t comma = accept_encoding.find(',');
        std::string_view item = trim(accept_encoding.substr(0, comma));
        accept_encoding = comma == std::string_view::npos ? "" : accept_encoding.substr(comma + 1);
        const std::size_t semicolon = item.find(';');
        const std::string_view coding = trim(item.substr(0, semicolon));
        if (coding != "gzip" && coding != "*") continue;
        if (semicolon == std::string_view::npos) return true;
        const std::string_view quality = trim(item.substr(semicolon + 1));
        // q=0, q=0.0, q=0.00 and q=0.000 refuse.
        if (quality.substr(0, 3) != "q=0") return true;
        return quality.find_first_of("123456789", 3) != std::string_view::npos;
    }
    return false;
}

}  // namespace subcults::service
