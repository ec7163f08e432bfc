// Headers that travel with whatever answer a request gets, be it the handler's, a refusal or an
// error of the server: CORS, rate limits, caching. Guards set them before they know the outcome.
//
// One object per connection, used again for every request: its strings keep their memory, so that
// setting a header costs a copy of a few bytes and no allocation. Not thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::net {

class AnswerHeaders {
  public:
    struct Entry {
        std::string_view name;  // of static storage
        std::string value;
    };

    // A later value for the same name replaces the earlier one. A header of the handler's own
    // answer wins over both.
    void set(std::string_view name, std::string_view value) {
        for (std::size_t i = 0; i < used_; ++i) {
            if (entries_[i].name != name) continue;
            entries_[i].value.assign(value);
            return;
        }
        if (used_ == entries_.size()) entries_.emplace_back();
        entries_[used_].name = name;
        entries_[used_].value.assign(value);
        ++used_;
    }
    void clear() noexcept { used_ = 0; }

    const Entry* begin() const noexcept { return entries_.data(); }
    const Entry* end() const noexcept { return entries_.data() + used_; }
    bool empty() const noexcept { return used_ == 0; }

  private:
    std::vector<Entry> entries_;
    std::size_t used_ = 0;
};

}  // namespace subcults::net
