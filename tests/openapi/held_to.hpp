// Clients of tests whose answers are held against a description: the first that breaks it is
// thrown, as a ContractViolation, at whoever asked.
#pragma once

#include "openapi/contract.hpp"
#include "support/http_client.hpp"

#include <memory>
#include <utility>

namespace subcults::test {

inline HttpClient::Observer held_to(std::shared_ptr<const Contract> contract) {
    return [contract = std::move(contract)](std::string_view method, std::string_view target,
                                            std::string_view body, const Answer& answer) {
        Exchange exchange{method, target, body, answer.status, answer.body, {}};
        exchange.header = [&answer](std::string_view name) { return answer.header(name); };
        contract->check(exchange);
    };
}

}  // namespace subcults::test
