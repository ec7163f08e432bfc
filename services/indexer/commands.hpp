// The command line of subcults-indexer.
#pragma once

namespace subcults::indexer {

// Without a subcommand: indexes. Returns the exit status: 0, 1 = failed, 2 = wrong configuration or
// command line.
int run_command(int argc, char** argv);

}  // namespace subcults::indexer
