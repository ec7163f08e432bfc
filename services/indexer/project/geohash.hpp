// Where something is, as coarsely as may be stored.
#pragma once

#include <string>

namespace subcults::indexer {

// About 5 km by 5 km. Finer cells would tell where people live.
inline constexpr int coarse_geohash_characters = 5;

// Degrees; latitude -90..90, longitude -180..180. The cell that contains the point.
std::string coarse_geohash(double latitude, double longitude);

}  // namespace subcults::indexer
