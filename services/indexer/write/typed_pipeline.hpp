// The steps of a batch's pipeline that write typed rows.
#pragma once

#include "db/connection.hpp"
#include "project/fold.hpp"

#include <cstddef>
#include <vector>

namespace subcults::indexer {

// One step per kind of row that occurs. `trust_steps` gains the positions of those that answer
// with the scenes they have marked.
void add_typed_rows(db::Pipeline& pipeline, const RecordRows& records, bool retry,
                    std::vector<std::size_t>& trust_steps);

}  // namespace subcults::indexer
