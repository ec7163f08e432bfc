// Background jobs for operators: what they are and how they went, and a run on request.
//
//     GET  /internal/jobs               every job of this service, with the row it shares with all
//                                       replicas
//     POST /internal/jobs/{type}/run    202: a run begins on whatever replica takes it, or after
//                                       the one that is under way; 404 for an unknown type, 409 for
//                                       one that is always under way
#pragma once

#include "base/log.hpp"
#include "jobs/runner.hpp"
#include "net/router.hpp"

#include <boost/asio/io_context.hpp>

#include <string>
#include <vector>

namespace subcults::service {

// `runner` lives on `jobs_io`; the handlers run on any thread. Both must outlive the router.
void add_job_routes(net::Router& router, net::RouteOptions internal, jobs::JobRunner& runner,
                    boost::asio::io_context& jobs_io);

// The answer to the first (exposed for tests).
std::string jobs_json(const std::vector<jobs::JobStatus>& jobs);

}  // namespace subcults::service
