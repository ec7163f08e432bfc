// Lets Catch2 print a Result in a failed assertion: "a value", or the error where it can be said.
// Include it in every test file that writes CHECK(result) or REQUIRE(result).
#pragma once

#include "base/result.hpp"

#include <catch2/catch.hpp>

#include <concepts>
#include <string>

namespace Catch {

template <class T, class E>
struct StringMaker<boost::system::result<T, E>> {
    static std::string convert(const boost::system::result<T, E>& result) {
        if (result.has_value()) return "a value";
        if constexpr (requires {
                          { describe(result.error()) } -> std::convertible_to<std::string>;
                      }) {
            return "error: " + std::string(describe(result.error()));
        } else if constexpr (requires {
                                 { result.error().message() } -> std::convertible_to<std::string>;
                             }) {
            return "error: " + std::string(result.error().message());
        } else if constexpr (std::convertible_to<E, std::string>) {
            return "error: " + std::string(result.error());
        } else {
            return "an error";
        }
    }
};

}  // namespace Catch
