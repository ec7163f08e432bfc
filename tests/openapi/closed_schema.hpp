// A JSON schema that admits nothing it does not describe.
//
// Published schemas are open: a client has to put up with members it does not know, so that new
// ones can be added. The service's own tests are stricter: an object with described members may
// have no others, so that nothing is sent that nobody wrote down.
//
// Understood are the keywords whose meaning has not changed from draft 4 to 2020-12; any other is
// an error, because the validator would pass over it in silence.
#pragma once

#include <rapidjson/document.h>

#include <memory>
#include <optional>
#include <string>

namespace subcults::test {

class ClosedSchema {
  public:
    // Throws std::runtime_error on a keyword that is not understood.
    explicit ClosedSchema(const rapidjson::Value& schema);
    ~ClosedSchema();
    ClosedSchema(const ClosedSchema&) = delete;
    ClosedSchema& operator=(const ClosedSchema&) = delete;

    // Which member breaks which rule; nullopt when the value fits. May be called by several
    // threads.
    std::optional<std::string> objection(const rapidjson::Value& value) const;

  private:
    struct Compiled;
    std::unique_ptr<Compiled> compiled_;
};

}  // namespace subcults::test
