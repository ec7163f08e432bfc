// One HTTP connection: a coroutine that reads requests, checks them, runs handlers and writes
// answers, in order. Lives on its worker's thread; kept alive by its own coroutine.
//
// Usual cost of a keep-alive request: one receive, one send, one failed receive; no timer, no
// allocation that grows with the number of headers.
#pragma once

#include "net/http_parser.hpp"
#include "net/input_buffer.hpp"
#include "net/server_core.hpp"
#include "net/session_request.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <optional>
#include <string>

namespace subcults::net {

class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(std::shared_ptr<ServerCore> core, boost::asio::ip::tcp::socket socket,
            const boost::asio::ip::tcp::endpoint& peer, bool refused);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    static void start(std::shared_ptr<Session> session);

    // None of these destroys the session before returning.
    void move_to_slot(std::size_t slot) noexcept { slot_ = slot; }
    void on_deadline() noexcept;
    void begin_shutdown() noexcept;
    void abort() noexcept;

  private:
    enum class HeadState { ready, incomplete, malformed, too_large };
    enum class BodyState { whole, gone, timed_out, too_large, malformed };
    enum class Sent { all, partly, failed };

    static boost::asio::awaitable<void> run(std::shared_ptr<Session> self);
    boost::asio::awaitable<void> serve();
    // True when the connection stays open.
    boost::asio::awaitable<bool> serve_request();
    boost::asio::awaitable<bool> refuse(Response response);

    // Reading. 0 bytes = the connection ended or its deadline passed (timed_out_).
    boost::asio::awaitable<std::size_t> receive(boost::asio::mutable_buffer into);
    boost::asio::awaitable<BodyState> read_body(std::uint64_t limit);
    boost::asio::awaitable<BodyState> read_chunks(std::uint64_t limit, bool keep);
    boost::asio::awaitable<BodyState> discard_body();
    boost::asio::awaitable<void> linger();
    HeadState take_head();
    void finish_request();
    std::size_t late_bytes() noexcept;

    // Checks in the order of the contract; a refusal, or nullopt when the handler may run.
    std::optional<Response> check();
    std::optional<Response> check_load();
    std::optional<Response> check_type(bool body_seen);
    Response error(unsigned status, std::string_view code, std::string_view message) const;
    void answer_unparsed(HeadState state);
    void log_failure(std::exception_ptr failure) noexcept;

    // Writing.
    void queue(Response& response);
    Sent send_now() noexcept;
    boost::asio::awaitable<bool> flush();
    boost::asio::awaitable<bool> flush_rest();
    void flush_if_handler_waits();

    void arm(std::chrono::milliseconds delay);
    void arm(Deadline deadline) noexcept;
    void disarm() noexcept;
    bool body_pending() const noexcept { return head_.chunked || head_.content_length != 0; }

    std::shared_ptr<ServerCore> core_;
    boost::asio::ip::tcp::socket socket_;
    std::size_t slot_;

    RequestHead head_;
    std::optional<MessageParser> parser_;
    SessionRequest request_;
    Router::Match match_;
    InputBuffer input_;
    std::string body_;
    std::size_t head_size_ = 0;  // of the request at hand, within input_
    std::size_t body_size_ = 0;  // of its body as far as that lies in input_
    std::size_t scanned_ = 0;    // how far the end of the head was searched
    std::size_t check_at_ = 1;   // partial head size at which to look for nonsense again

    std::string out_;
    std::size_t out_sent_ = 0;
    std::string out_body_;  // a body too large to be copied behind out_
    std::size_t out_body_sent_ = 0;

    Deadline started_{};
    Deadline finished_{};
    const bool refused_;
    const bool from_backlog_;  // accepted while shutting down
    bool fresh_ = true;        // nothing received yet
    bool idle_ = false;        // waiting for the first byte of a request
    bool keep_ = true;
    bool body_read_ = false;
    bool in_handler_ = false;
    bool flush_posted_ = false;
    bool timed_out_ = false;
    bool unread_input_ = false;  // the peer may still be sending what nobody will read
};

}  // namespace subcults::net
