// Looking members of a RapidJSON object up. Its iterators compare ambiguously under C++20.
#pragma once

#include <rapidjson/document.h>

namespace subcults::sim {

inline const rapidjson::Value* find_member(const rapidjson::Value& object, const char* name) {
    return object.HasMember(name) ? &object[name] : nullptr;
}
inline rapidjson::Value* find_member(rapidjson::Value& object, const char* name) {
    return object.HasMember(name) ? &object[name] : nullptr;
}

}  // namespace subcults::sim
