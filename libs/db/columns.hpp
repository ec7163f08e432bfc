// Turning rows of ours into the columns that array parameters want.
//
//     params.uuid_array(db::column<Uuid>(rows, [](const Row& row) { return row.id; }));
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::db {

// One value per item, in order. Reserves once.
template <class Value, class Items, class Project>
std::vector<Value> column(const Items& items, Project project) {
    std::vector<Value> values;
    values.reserve(items.size());
    for (const auto& item : items)
        values.push_back(project(item));
    return values;
}

// Of texts that live as long.
inline std::vector<std::string_view> views(const std::vector<std::string>& texts) {
    return {texts.begin(), texts.end()};
}

// The same for booleans, which std::vector does not hold as such. Lives as long as the span is
// used.
class BooleanColumn {
  public:
    template <class Items, class Project>
    BooleanColumn(const Items& items, Project project)
        : values_(std::make_unique<bool[]>(items.size())), size_(items.size()) {
        std::size_t at = 0;
        for (const auto& item : items)
            values_[at++] = project(item);
    }
    std::span<const bool> span() const noexcept { return {values_.get(), size_}; }

  private:
    std::unique_ptr<bool[]> values_;
    std::size_t size_;
};

}  // namespace subcults::db
