// What an OpenAPI document promises, and whether an answer keeps it.
//
// Reads the JSON that tests/openapi/to_json makes of a document: no references are left in it. Its
// schemas keep to what JSON Schema draft 4 and 2020-12 have in common (closed_schema.hpp says what
// that is). An answer keeps the contract when its status is documented for the route, its media
// type and body are as described, and the headers that are always sent are there. A body that was
// taken (2xx) must be one that the document allows to be sent.
//
// Immutable once loaded: any number of threads may ask at once. An answer costs a parse of its
// body.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::test {

// No runtime_error: tests that put up with broken connections must not put up with this.
class ContractViolation : public std::logic_error {
  public:
    using std::logic_error::logic_error;
};

// A request and its answer, as far as a document speaks of them. Views are not kept.
struct Exchange {
    std::string_view method;
    std::string_view target;  // with or without a query
    std::string_view request_body;
    unsigned status = 0;
    std::string_view body;
    // The answer's header of this name (given in lower case), empty when it is not there.
    std::function<std::string(std::string_view)> header;
};

class Contract {
  public:
    // Both throw std::runtime_error: when the file cannot be read, when it is no OpenAPI document.
    static std::shared_ptr<const Contract> load(const std::string& json_file);
    static std::shared_ptr<const Contract> parse(std::string_view json);
    ~Contract();
    Contract(const Contract&) = delete;
    Contract& operator=(const Contract&) = delete;

    // "GET /streams/{id}", in the order of the document.
    std::vector<std::string> operations() const;
    // What is wrong, in words; nullopt when nothing is, or when the request is not about anything
    // in the document. HEAD is judged as the GET that it stands for, without a body.
    std::optional<std::string> violation(const Exchange& exchange) const;
    // Throws ContractViolation when something is wrong.
    void check(const Exchange& exchange) const;

  private:
    struct Operation;
    explicit Contract(std::vector<Operation> operations);
    const Operation* find(std::string_view method, std::string_view path) const;

    std::vector<Operation> operations_;
};

}  // namespace subcults::test
