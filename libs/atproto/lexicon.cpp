#include "atproto/lexicon.hpp"

#include "atproto/rkey.hpp"
#include "atproto/tid.hpp"

#include <algorithm>

namespace subcults::atproto {

const ObjectSchema::Property* ObjectSchema::find(std::string_view name) const noexcept {
    const auto found = std::lower_bound(properties.begin(), properties.end(), name,
                                        [](const Property& property, std::string_view wanted) {
                                            return std::string_view(property.name) < wanted;
                                        });
    return found != properties.end() && found->name == name ? &*found : nullptr;
}

const ObjectSchema& Lexicon::form_of(const simdjson::dom::object& record) const noexcept {
    if (historical_ == nullptr) return *main_;
    for (const auto field : record) {
        const bool marked = std::find(historical_marks_.begin(), historical_marks_.end(),
                                      field.key) != historical_marks_.end();
        if (marked && !field.value.is_null()) return *historical_;
    }
    return *main_;
}

bool Lexicon::key_fits(std::string_view rkey) const noexcept {
    return keys_are_tids_ ? is_valid_tid(rkey) : is_valid_rkey(rkey);
}

}  // namespace subcults::atproto
