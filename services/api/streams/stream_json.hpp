// The JSON of the streaming endpoints.
#pragma once

#include "streams/command.hpp"
#include "streams/participant_queries.hpp"
#include "streams/stream_queries.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::api {

// {"stream_id","room_name","join_count","status":"joined"} and its counterpart for leaving.
std::string joined_json(const Uuid& session, const Outcome& outcome);
std::string left_json(const Uuid& session, const Outcome& outcome);
// {"id","room_name","scene_id"|"event_id","status"}
// A retry gets what the first one got: the session as it began, whatever has become of it.
std::string created_json(const Uuid& session, const Outcome& outcome);
std::string ended_json(const Uuid& session, const Outcome& outcome);
// The same with times and counts.
std::string stream_json(const StreamView& stream);
// {"stream_id","locked"}
std::string locked_json(const Uuid& session, bool locked);
// {"stream_id","participant_id","status"}
std::string kicked_json(const Uuid& session, std::string_view participant, bool kicked);
// {"stream_id","participant_id","muted"}
std::string muted_json(const Uuid& session, std::string_view participant, bool muted);
// {"stream_id","room_name","active_count","participants","next_cursor"} for the host; without
// `page`, for everybody else, the counts alone.
std::string participants_json(const StreamView& stream, const ParticipantPage* page);
std::string stream_list_json(const std::vector<StreamView>& streams,
                             const std::optional<std::string>& next_cursor);

}  // namespace subcults::api
