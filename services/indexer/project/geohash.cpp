#include "project/geohash.hpp"

#include <string_view>

namespace subcults::indexer {
namespace {

// Halves an interval towards `value` and says which half it took.
struct Interval {
    double low;
    double high;
    unsigned halve(double value) noexcept {
        const double middle = (low + high) / 2;
        const bool upper = value >= middle;
        (upper ? low : high) = middle;
        return upper ? 1 : 0;
    }
};

}  // namespace

std::string coarse_geohash(double latitude, double longitude) {
    constexpr std::string_view alphabet = "0123456789bcdefghjkmnpqrstuvwxyz";
    Interval latitudes{-90, 90};
    Interval longitudes{-180, 180};
    std::string hash;
    bool east = true;  // bits alternate, longitude first
    for (int i = 0; i < coarse_geohash_characters; ++i) {
        unsigned cell = 0;
        for (int bit = 0; bit < 5; ++bit) {
            cell = cell * 2 + (east ? longitudes.halve(longitude) : latitudes.halve(latitude));
            east = !east;
        }
        hash.push_back(alphabet[cell]);
    }
    return hash;
}

}  // namespace subcults::indexer
