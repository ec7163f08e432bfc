// The command line of subcults-api.
#pragma once

namespace subcults::api {

// Without a subcommand: serves. `migrate` brings the schema up to date, `token` makes an access
// token, `audit` verifies, exports and erases audit entries. Returns the exit status: 0, 1 =
// failed, 2 = wrong configuration or command line; of `audit verify` also 3 = could not be
// verified.
int run_command(int argc, char** argv);

}  // namespace subcults::api
