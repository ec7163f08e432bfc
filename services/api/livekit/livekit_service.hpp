// Everything that goes on with LiveKit beside requests: carrying out the outbox, processing the
// inbox, reconciling. One object per process, on the admin thread.
//
// Every replica works on the outbox. The inbox is processed by the one that holds the lease, and
// reconciliation is a background job. Whatever fails is tried again; a LiveKit that is away costs a
// probe per minute.
#pragma once

#include "base/log.hpp"
#include "db/listener.hpp"
#include "db/pool.hpp"
#include "livekit/inbox.hpp"
#include "livekit/lease.hpp"
#include "livekit/ledger_desk.hpp"
#include "livekit/livekit_config.hpp"
#include "livekit/livekit_metrics.hpp"
#include "livekit/outbox.hpp"
#include "livekit/reconciler.hpp"
#include "livekit/room_service.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <string_view>

namespace subcults::api::livekit {

struct ServiceOptions {
    LiveKitConfig livekit;  // configured
    std::string database_uri;
    std::string database_direct_uri;
    std::function<void(std::string_view statement, double seconds)> on_query;
};

class LiveKitService {
  public:
    LiveKitService(boost::asio::io_context& io, ServiceOptions options, LedgerDesk::Submit submit,
                   LiveKitMetrics& metrics, Log& log);

    // On the io_context's thread, once each. After stop() the loops end by themselves; the ledger
    // must still answer until they have.
    void start();
    void stop();

    // One round of reconciliation, as the body of a job.
    boost::asio::awaitable<void> reconcile(jobs::Run& run) { return reconciler_.round(run); }

    // Safe from any thread.
    void wake_inbox();
    RoomService::State state() const noexcept { return rooms_.state(); }
    // For others on the io_context's thread.
    RoomService& rooms() noexcept { return rooms_; }

  private:
    boost::asio::awaitable<void> inbox_loop();
    boost::asio::awaitable<void> look_after_lease();
    boost::asio::awaitable<std::chrono::milliseconds> inbox_round();
    void spawn(std::string_view name, boost::asio::awaitable<void> (LiveKitService::*loop)());
    boost::asio::awaitable<void> for_ever(std::string_view name,
                                          boost::asio::awaitable<void> (LiveKitService::*loop)());
    boost::asio::awaitable<void> outbox_loop() { return outbox_.run(); }

    boost::asio::io_context& io_;
    Log& log_;
    LiveKitMetrics& metrics_;
    db::Pool pool_;
    RoomService rooms_;
    LedgerDesk desk_;
    OutboxWorker outbox_;
    InboxProcessor inbox_;
    Reconciler reconciler_;
    Lease lease_;
    db::Listener listener_;
    Alarm inbox_alarm_;
    SteadyClock::time_point lease_due_{};
    SteadyClock::time_point closings_due_{};
    SteadyClock::time_point purge_due_{};
    bool stopping_ = false;
};

}  // namespace subcults::api::livekit
