// Hands many commands to the ledger at once and waits for all the answers.
//
// Commands of one session reach the ledger in the order given. The ledger is behind a function, so
// that those who use this are tested without one.
//
// Threading: belongs to one single-threaded io_context, on which the answers must arrive.
#pragma once

#include "streams/command.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <functional>
#include <vector>

namespace subcults::api::livekit {

class LedgerDesk {
  public:
    using Submit = std::function<void(Command, std::function<void(Outcome)>)>;

    LedgerDesk(boost::asio::any_io_executor executor, Submit submit)
        : executor_(std::move(executor)), submit_(std::move(submit)) {}

    // One outcome per command, in the same order.
    boost::asio::awaitable<std::vector<Outcome>> submit_all(std::vector<Command> commands);

  private:
    boost::asio::any_io_executor executor_;
    Submit submit_;
};

}  // namespace subcults::api::livekit
