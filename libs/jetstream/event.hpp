// One Jetstream event: as a view into a decoded frame, and as an owned value for the queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace subcults::jetstream {

enum class Kind : std::uint8_t { commit, identity, account };
enum class Operation : std::uint8_t { create, update, del };

std::string_view to_string(Kind kind) noexcept;
std::string_view to_string(Operation operation) noexcept;  // "create", "update", "delete"

// What a decoder found in a frame. Views are valid until the decoder is used again, and no longer
// than the frame's bytes.
struct EventView {
    Kind kind = Kind::commit;
    Operation operation = Operation::create;  // commits only
    std::int64_t time_us = 0;                 // the server's stamp, Unix microseconds
    std::optional<std::int64_t> seq;          // the `cursor` field that newer servers add
    std::string_view did;

    // commit
    std::string_view rev;
    std::string_view collection;
    std::string_view rkey;
    std::string_view cid;  // create and update
    // create and update: the record's JSON object, byte for byte, storable as jsonb
    std::string_view record;

    // identity: absent means "resolve again"
    std::optional<std::string_view> handle;
    // account
    bool active = true;
    std::optional<std::string_view> status;
    // identity and account: the relay's own sequence number, 0 when it did not say
    std::int64_t upstream_seq = 0;
};

// An EventView that owns its bytes in a single allocation. Movable; a moved-from event is empty:
// its view() has no bytes and zero numbers.
class Event {
  public:
    // Throws std::length_error when the views together hold 4 GiB or more.
    explicit Event(const EventView& view);
    Event(Event&& other) noexcept;
    Event& operator=(Event&& other) noexcept;
    ~Event() = default;

    // Views into this event; valid while it lives and is not moved (short buffers move with it).
    EventView view() const noexcept;
    // Memory held, for queue accounting: this object and what it allocated.
    std::size_t bytes() const noexcept;

  private:
    struct Slice {
        std::uint32_t offset = 0;
        std::uint32_t length = 0;
    };
    // Everything but the bytes; a value-initialised one describes the empty event.
    struct Layout {
        std::int64_t time_us = 0;
        std::int64_t upstream_seq = 0;
        std::optional<std::int64_t> seq;
        Slice did, rev, collection, rkey, cid, record, handle, status;
        Kind kind = Kind::commit;
        Operation operation = Operation::create;
        bool active = true;
        bool has_handle = false;
        bool has_status = false;
    };
    std::string_view at(Slice slice) const noexcept {
        return {buffer_.data() + slice.offset, slice.length};
    }

    Layout layout_;
    std::string buffer_;
};

}  // namespace subcults::jetstream
