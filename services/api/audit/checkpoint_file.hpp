// The file that checkpoints are exported to: one line each, appended and synced, never rewritten.
//
// A line that a crash left unfinished is cut off before the next one is written. Blocks for the
// time of a small write and its sync. Not thread-safe; one writer per file.
#pragma once

#include "audit/checkpoint.hpp"
#include "base/result.hpp"

#include <optional>
#include <string>
#include <vector>

namespace subcults::api {

class CheckpointFile {
  public:
    explicit CheckpointFile(std::string path) : path_(std::move(path)) {}

    // The newest checkpoint in the file; nullopt = there is none yet. Errors: the file cannot be
    // read, or its last line is no checkpoint.
    Result<std::optional<Checkpoint>, std::string> last() const;
    Result<void, std::string> append(const std::vector<Checkpoint>& checkpoints);

  private:
    std::string path_;
};

}  // namespace subcults::api
