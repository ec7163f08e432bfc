// A real subcults-api on a free port, with a database of its own. Whatever its clients are answered
// is held against proto/openapi/subcults-api.yaml: an answer that is not described there is thrown
// as a ContractViolation at whoever asked.
#pragma once

#include "openapi/contract.hpp"
#include "support/http_client.hpp"
#include "support/postgres.hpp"
#include "support/process.hpp"

#include <memory>
#include <string>

namespace subcults::test {

class RunningApi {
  public:
    // Waits until it is ready. `extra` overrides or adds variables.
    explicit RunningApi(const std::string& database_url, Process::Environment extra = {});

    // What a service needs to start.
    static Process::Environment environment(const std::string& database_url);
    static std::string token(const std::string& did, const std::string& role = "user");
    static Headers as(const std::string& did) {
        return {{"Authorization", "Bearer " + token(did)}};
    }

    Process& process() noexcept { return *process_; }
    std::uint16_t port() const noexcept { return port_; }
    HttpClient client() const;
    // For tests with a client of their own.
    const Contract& contract() const noexcept { return *contract_; }
    double metric(std::string_view series) const;

  private:
    std::unique_ptr<Process> process_;
    std::uint16_t port_ = 0;
    std::shared_ptr<const Contract> contract_;
};

// A scene of this owner, as the indexer would have stored it; its id.
std::string add_scene(const TestDatabase& database, const std::string& owner_did,
                      const std::string& name = "Basement");

// Creates a stream for a fresh scene of `host` and returns its id.
std::string create_stream(const TestDatabase& database, RunningApi& api, const std::string& host);

}  // namespace subcults::test
