// The stub LiveKit as a process of its own, and what tests make happen in it.
#pragma once

#include "support/http_client.hpp"
#include "support/process.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::test {

class RunningStub {
  public:
    static inline const std::string api_key = "test-key";
    static inline const std::string api_secret = "test-secret-of-at-least-32-characters";

    // `port` 0 = any free one.
    explicit RunningStub(std::uint16_t port = 0);

    std::uint16_t port() const noexcept { return port_; }
    std::string url() const { return "ws://127.0.0.1:" + std::to_string(port_); }
    Process& process() noexcept { return *process_; }
    // What an API needs to talk to it.
    Process::Environment environment() const;

    // Sends its webhooks to this API from now on.
    void report_to(std::uint16_t api_port, int retry_ms = 20);
    // One of the controls; throws when the stub refuses.
    rapidjson::Document control(std::string_view action, std::string_view body = "{}");
    // The same without throwing: the status.
    unsigned try_control(std::string_view action, std::string_view body);
    rapidjson::Document state();
    std::uint64_t calls(const std::string& method);
    // What calls of this method carried, in the order in which they came; empty = not sent.
    struct Traced {
        std::string traceparent;
        std::string tracestate;
    };
    std::vector<Traced> traced(const std::string& method) const;
    // Whether this identity is in the room.
    bool has(const std::string& room, const std::string& identity);
    bool has_room(const std::string& room);
    void fault(const std::string& json) { control("fault", json); }

  private:
    std::unique_ptr<Process> process_;
    std::uint16_t port_ = 0;
};

}  // namespace subcults::test
