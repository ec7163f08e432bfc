// A participant's stays as the rules of presence see them, backed by a batch. Internal to it.
#pragma once

#include "streams/ledger_batch.hpp"

namespace subcults::api {

class LedgerBatch::StayTable final : public Stays {
  public:
    StayTable(LedgerBatch& batch, const Uuid& session, const std::string& participant_id)
        : batch_(batch), session_(session), participant_id_(participant_id) {}

    StayRow* find(const std::string& stay) override;
    void open(const std::string& stay, StayRow row) override;
    void close(const std::string& stay, UnixMicros at) override;

  private:
    StayKey key(const std::string& stay) const;

    LedgerBatch& batch_;
    const Uuid& session_;
    const std::string& participant_id_;
};

}  // namespace subcults::api
