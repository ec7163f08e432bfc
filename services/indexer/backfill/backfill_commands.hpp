// `subcults-indexer backfill`: orders a backfill, shows how far it has come, cancels it. The work
// itself is done by a running indexer (backfill.hpp), whichever has the job's lease.
//
// Blocks; output goes to stdout, faults to stderr.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace CLI {
class App;
}

namespace subcults::indexer {

class BackfillCommands {
  public:
    // Adds the subcommand to `cli`, whose help ends with `footer`.
    BackfillCommands(CLI::App& cli, const std::string& footer);
    ~BackfillCommands();

    bool chosen() const;
    // The exit status.
    int run() const;

  private:
    struct Options;
    std::unique_ptr<Options> options_;
    CLI::App* command_;
};

}  // namespace subcults::indexer
