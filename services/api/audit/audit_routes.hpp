// GET /audit-logs and GET /audit-logs/verify, for admins. Each read is audited itself: the answer
// leaves only when the entry about it has been committed. Who is no admin is refused, and that is
// audited too.
#pragma once

#include "net/router.hpp"
#include "worker_context.hpp"

namespace subcults::api {

// `context` must outlive the router.
void add_audit_routes(net::Router& router, const net::Guard& user, WorkerContext& context);

}  // namespace subcults::api
