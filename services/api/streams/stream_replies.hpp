// What the streaming handlers share: commands on behalf of a request's caller, and the answers to
// what did not succeed.
#pragma once

#include "db/error.hpp"
#include "http/json_body.hpp"
#include "net/http_message.hpp"
#include "streams/command.hpp"
#include "worker_context.hpp"

#include <boost/asio/awaitable.hpp>

namespace subcults::api {

// A command with everything that comes from the request: caller, actor, request id, deadline, and
// the session when the path names one.
Command command_for(WorkerContext& context, const net::Request& request, CommandKind kind);

// The caller's participant_id, for commands that need it.
void name_participant(WorkerContext& context, Command& command);

// To the ledger and back.
boost::asio::awaitable<Outcome> submit(WorkerContext& context, Command command);

// Writes a refusal of this caller to the audit chain of a scene or event, where no session's chain
// can tell of it: once per action and minute. `action` is static text. False = could not be
// written.
boost::asio::awaitable<bool> note_refusal(WorkerContext& context, const net::Request& request,
                                          Subject subject, std::string_view action);

net::Response refuse(const net::Request& request, const InputError& error);
net::Response no_such_stream(const net::Request& request);
net::Response hosts_only(const net::Request& request);
// Of a read that failed.
net::Response database_failure(const net::Request& request, const db::Error& error, Log& log);
// Of a command that did not succeed.
net::Response refusal(const net::Request& request, const Outcome& outcome);

}  // namespace subcults::api
