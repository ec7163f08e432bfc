// Which scenes get a metric label of their own: few enough for the scraper, the busiest, and none
// that flips between its own label and "other" while it is in use.
//
// While labels are free, a scene gets one with its first event, so a small installation sees them
// all. Afterwards a scene has to earn it: it must lately have had more events than a labelled one
// that has been quiet for an hour, and takes that one's label. A scene that goes on keeps its label
// for as long as it goes on. "Lately" halves every ten minutes.
//
// Scenes without a label are watched by a space-saving sketch: a bounded table whose counts are
// never too low, and too high by a known error, which is subtracted before a scene is judged.
// Not thread-safe, no clock. Cost per event: a look-up for labelled scenes; a walk over the tables
// (some hundred entries) for others.
#pragma once

#include "base/time.hpp"
#include "base/uuid.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

namespace subcults::api {

class BusyScenes {
  public:
    struct Limits {
        std::size_t labels = 50;
        std::size_t watched = 256;
        std::chrono::minutes quiet{60};
        std::chrono::minutes half_life{10};
    };
    BusyScenes() = default;
    explicit BusyScenes(Limits limits) : limits_(limits) {}

    struct Place {
        bool labelled = false;
        std::optional<Uuid> displaced;  // lost its label to this scene just now
    };
    Place note(const Uuid& scene, std::uint64_t events, SteadyClock::time_point now);

  private:
    struct Labelled {
        std::uint64_t count = 0;
        SteadyClock::time_point last;
    };
    struct Watched {
        std::uint64_t count = 0;
        std::uint64_t error = 0;
    };
    void age(SteadyClock::time_point now);
    Watched& watch(const Uuid& scene);

    Limits limits_;
    std::unordered_map<Uuid, Labelled, UuidHash> labelled_;
    std::unordered_map<Uuid, Watched, UuidHash> watched_;
    std::optional<SteadyClock::time_point> aged_;
};

}  // namespace subcults::api
