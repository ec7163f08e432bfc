// The command line of subcults-api.
#pragma once

namespace subcults::api {

// Without a subcommand: serves. `migrate` brings the schema up to date, `token` makes an access
// token. Returns the exit status: 0, 1 = failed, 2 = wrong configuration or command line.
int run_command(int argc, char** argv);

}  // namespace subcults::api
