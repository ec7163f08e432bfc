// Arguments of a control request: in the query, or members of a JSON object in the body.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults::sim {

class ControlArguments {
  public:
    ControlArguments(std::string_view query, const std::string& body);

    // nullopt when it is not given, or no integer.
    std::optional<std::int64_t> number(const char* name) const;
    // `true`, or any number but 0.
    bool flag(const char* name) const;

  private:
    std::vector<std::pair<std::string, std::string>> query_;
    rapidjson::Document body_;
};

}  // namespace subcults::sim
