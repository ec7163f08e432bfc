// docs/metrics.md, generated from the catalogue: a test holds the file against this text.
#pragma once

#include <string>

namespace subcults::metrics {

std::string document();

}  // namespace subcults::metrics
