// GET /reports: hourly and daily reports, as JSON or CSV. A scene's for its owner and for
// administrators, those of all scenes together for administrators.
//
// 404 for a scene that is unknown or whose owner is hidden, 410 for one that was deleted;
// administrators see the reports of both.
#pragma once

#include "net/router.hpp"
#include "worker_context.hpp"

namespace subcults::api::reports {

void add_report_route(net::Router& router, const net::Guard& user, WorkerContext& context);

}  // namespace subcults::api::reports
