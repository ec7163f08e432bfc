#include "jobs/outcome.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <utility>

namespace subcults::jobs {

namespace {

Failure failure(ErrorType type, std::string detail) {
    Failure made;
    made.type = type;
    made.detail = std::move(detail);
    return made;
}

Failure describe(std::exception_ptr thrown, ErrorType unexpected) {
    try {
        std::rethrow_exception(std::move(thrown));
    } catch (const boost::system::system_error& error) {
        return failure(ErrorType::network_error, error.code().message());
    } catch (const std::exception&) {
        // Its text is in the log only: it may be about anything.
        return failure(unexpected, "an exception left the job");
    } catch (...) {
        return failure(unexpected, "something strange left the job");
    }
}

}  // namespace

std::string_view to_string(Outcome::Result result) noexcept {
    switch (result) {
        case Outcome::Result::success:
            return "success";
        case Outcome::Result::failure:
            return "failure";
        case Outcome::Result::cancelled:
            return "cancelled";
        case Outcome::Result::lost:
            return "lost";
    }
    return "failure";
}

Outcome judge(const Run& run, StopReason reason, std::exception_ptr thrown, bool keeping_failed,
              ErrorType unexpected) {
    Outcome outcome;
    if (run.fenced_off() || reason == StopReason::lease_lost) {
        outcome.result = Outcome::Result::lost;
        return outcome;
    }
    // Work that was told to stop may just return: whether it was done shows nowhere.
    if (reason == StopReason::shutdown) {
        outcome.result = Outcome::Result::cancelled;
        return outcome;
    }
    outcome.failures = run.failures();
    const auto add = [&outcome](ErrorType type, const char* detail) {
        const bool there = std::ranges::any_of(
            outcome.failures, [type](const Failure& known) { return known.type == type; });
        if (!there) outcome.failures.push_back(failure(type, detail));
    };
    switch (reason) {
        case StopReason::time_limit:
            add(ErrorType::timeout, "the time limit has passed");
            break;
        case StopReason::lease_expired:
            if (keeping_failed) {
                add(ErrorType::database_error, "the lease could not be kept");
            } else {
                add(ErrorType::timeout, "the process hung");
            }
            break;
        case StopReason::none:
        case StopReason::lease_lost:
        case StopReason::shutdown:
            // What leaves work that was stopped is only how it was stopped.
            if (thrown) outcome.failures.push_back(describe(std::move(thrown), unexpected));
            break;
    }
    if (!outcome.failures.empty()) outcome.result = Outcome::Result::failure;
    return outcome;
}

}  // namespace subcults::jobs
