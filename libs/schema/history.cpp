// What the database's history means for this binary: decisions without I/O.
#include "schema/schema.hpp"

#include <algorithm>
#include <string>

namespace subcults::schema {

namespace {

std::string label(int number, std::string_view name) {
    return std::to_string(number).append(" (").append(name).append(")");
}

}  // namespace

Compatibility judge(int known, int applied, int compatible_from) noexcept {
    if (compatible_from > known) return Compatibility::incompatible;
    return applied < known ? Compatibility::behind : Compatibility::current;
}

Result<std::span<const Migration>, std::string> pending(std::span<const Migration> known,
                                                        std::span<const Applied> applied) {
    const auto common = std::min(known.size(), applied.size());
    for (std::size_t i = 0; i < common; ++i) {
        if (known[i].number != applied[i].number) {
            const int missing = std::min(known[i].number, applied[i].number);
            return "migration " + std::to_string(missing) + " is known to " +
                   (missing == known[i].number ? "this binary but was never applied, although "
                                                 "later ones were"
                                               : "the database but not to this binary");
        }
        if (known[i].checksum != applied[i].checksum) {
            return "migration " + label(known[i].number, known[i].name) +
                   " was edited after it had been applied: the database has checksum " +
                   applied[i].checksum + ", this binary " + std::string(known[i].checksum);
        }
    }
    const int highest = known.empty() ? 0 : known.back().number;
    for (const auto& migration : applied) {
        if (migration.compatible_from > highest) {
            return "the database is at migration " + label(migration.number, migration.name) +
                   ", which needs a binary that knows migration " +
                   std::to_string(migration.compatible_from) + "; this one knows " +
                   std::to_string(highest);
        }
    }
    return known.subspan(common);
}

}  // namespace subcults::schema
