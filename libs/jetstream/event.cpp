#include "jetstream/event.hpp"

#include <limits>
#include <stdexcept>
#include <utility>

namespace subcults::jetstream {

std::string_view to_string(Kind kind) noexcept {
    switch (kind) {
        case Kind::commit:
            return "commit";
        case Kind::identity:
            return "identity";
        case Kind::account:
            return "account";
    }
    return "unknown";
}

std::string_view to_string(Operation operation) noexcept {
    switch (operation) {
        case Operation::create:
            return "create";
        case Operation::update:
            return "update";
        case Operation::del:
            return "delete";
    }
    return "unknown";
}

Event::Event(const EventView& view) {
    const std::string_view handle = view.handle.value_or(std::string_view());
    const std::string_view status = view.status.value_or(std::string_view());
    const std::size_t total = view.did.size() + view.rev.size() + view.collection.size() +
                              view.rkey.size() + view.cid.size() + view.record.size() +
                              handle.size() + status.size();
    if (total > std::numeric_limits<std::uint32_t>::max()) {
        throw std::length_error("an event larger than 4 GiB");
    }
    buffer_.reserve(total);
    const auto keep = [this](std::string_view part) {
        const Slice slice{static_cast<std::uint32_t>(buffer_.size()),
                          static_cast<std::uint32_t>(part.size())};
        buffer_.append(part);
        return slice;
    };
    layout_.did = keep(view.did);
    layout_.rev = keep(view.rev);
    layout_.collection = keep(view.collection);
    layout_.rkey = keep(view.rkey);
    layout_.cid = keep(view.cid);
    layout_.record = keep(view.record);
    layout_.handle = keep(handle);
    layout_.status = keep(status);
    layout_.time_us = view.time_us;
    layout_.upstream_seq = view.upstream_seq;
    layout_.seq = view.seq;
    layout_.kind = view.kind;
    layout_.operation = view.operation;
    layout_.active = view.active;
    layout_.has_handle = view.handle.has_value();
    layout_.has_status = view.status.has_value();
}

Event::Event(Event&& other) noexcept
    : layout_(std::exchange(other.layout_, {})), buffer_(std::move(other.buffer_)) {
    other.buffer_.clear();
}

Event& Event::operator=(Event&& other) noexcept {
    if (this == &other) return *this;
    layout_ = std::exchange(other.layout_, {});
    buffer_ = std::move(other.buffer_);
    // A move may swap: what this event held before must not stay accounted to the empty one.
    std::string().swap(other.buffer_);
    return *this;
}

EventView Event::view() const noexcept {
    EventView view;
    view.kind = layout_.kind;
    view.operation = layout_.operation;
    view.time_us = layout_.time_us;
    view.seq = layout_.seq;
    view.did = at(layout_.did);
    view.rev = at(layout_.rev);
    view.collection = at(layout_.collection);
    view.rkey = at(layout_.rkey);
    view.cid = at(layout_.cid);
    view.record = at(layout_.record);
    if (layout_.has_handle) view.handle = at(layout_.handle);
    view.active = layout_.active;
    if (layout_.has_status) view.status = at(layout_.status);
    view.upstream_seq = layout_.upstream_seq;
    return view;
}

std::size_t Event::bytes() const noexcept {
    // Short texts live inside the string object itself.
    const bool allocated = buffer_.capacity() > std::string().capacity();
    return sizeof(Event) + (allocated ? buffer_.capacity() + 1 : 0);
}

}  // namespace subcults::jetstream
