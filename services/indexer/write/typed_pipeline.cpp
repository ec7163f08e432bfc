#include "write/typed_pipeline.hpp"

#include "base/json_writer.hpp"
#include "db/columns.hpp"
#include "write/typed_sql.hpp"

namespace subcults::indexer {
namespace {

using OptionalView = std::optional<std::string_view>;

template <class Row>
using Rows = std::vector<const Row*>;

// The arrays of one kind of row, column by column, in the order of its statement.
template <class Row>
class Columns {
  public:
    Columns(const Rows<Row>& rows, bool retry) : rows_(rows) {
        params_.boolean(retry).uuid_array(values<Uuid>([](const Row& r) { return r.id; }));
        text(&RowHead::uri);
        text(&RowHead::author_did);
        text(&RowHead::rev);
        const db::BooleanColumn deleted(rows_, [](const Row* row) { return row->deleted; });
        params_.boolean_array(deleted.span());
    }

    Columns& text(std::string RowHead::*field) {
        params_.text_array(
            values<std::string_view>([&](const Row& r) { return std::string_view(r.*field); }));
        return *this;
    }
    Columns& text(std::string Row::*field) {
        params_.text_array(
            values<std::string_view>([&](const Row& r) { return std::string_view(r.*field); }));
        return *this;
    }
    Columns& text(std::optional<std::string> Row::*field) {
        params_.text_array(values<OptionalView>([&](const Row& r) { return view(r.*field); }));
        return *this;
    }
    Columns& json(std::string Row::*field) {
        params_.jsonb_array(
            values<OptionalView>([&](const Row& r) { return OptionalView(r.*field); }));
        return *this;
    }
    Columns& json(const std::vector<std::string>& texts) {
        params_.jsonb_array(
            db::column<OptionalView>(texts, [](const std::string& t) { return OptionalView(t); }));
        return *this;
    }
    Columns& number(std::int32_t Row::*field) {
        params_.int4_array(values<std::int32_t>([&](const Row& r) { return r.*field; }));
        return *this;
    }
    Columns& time(std::optional<UnixMicros> Row::*field) {
        params_.timestamptz_array(
            values<std::optional<UnixMicros>>([&](const Row& r) { return r.*field; }));
        return *this;
    }
    // Two columns: what was written, and the id.
    Columns& reference(std::optional<Reference> Row::*field) {
        params_.text_array(values<OptionalView>([&](const Row& r) -> OptionalView {
            if (!(r.*field)) return std::nullopt;
            return std::string_view((r.*field)->uri);
        }));
        params_.uuid_array(values<std::optional<Uuid>>([&](const Row& r) -> std::optional<Uuid> {
            if (!(r.*field)) return std::nullopt;
            return (r.*field)->id;
        }));
        return *this;
    }
    db::Params take() { return std::move(params_); }

  private:
    static OptionalView view(const std::optional<std::string>& text) {
        if (!text) return std::nullopt;
        return std::string_view(*text);
    }
    template <class Value, class Project>
    std::vector<Value> values(Project project) const {
        return db::column<Value>(rows_, [&](const Row* row) { return project(*row); });
    }

    const Rows<Row>& rows_;
    db::Params params_;
};

std::string tags_json(const SceneRow& scene) {
    JsonWriter json;
    json.begin_array();
    for (const std::string& tag : scene.tags)
        json.value(tag);
    json.end_array();
    return json.take();
}

db::Params scene_params(const Rows<SceneRow>& rows, bool retry) {
    const auto tags =
        db::column<std::string>(rows, [](const SceneRow* row) { return tags_json(*row); });
    return Columns<SceneRow>(rows, retry)
        .text(&SceneRow::name)
        .text(&SceneRow::description)
        .json(tags)
        .text(&SceneRow::visibility)
        .text(&SceneRow::coarse_geohash)
        .time(&SceneRow::created_at)
        .take();
}

db::Params event_params(const Rows<EventRow>& rows, bool retry) {
    return Columns<EventRow>(rows, retry)
        .reference(&EventRow::scene)
        .text(&EventRow::title)
        .text(&EventRow::description)
        .text(&EventRow::kind)
        .text(&EventRow::status)
        .time(&EventRow::starts_at)
        .time(&EventRow::ends_at)
        .time(&EventRow::created_at)
        .take();
}

db::Params post_params(const Rows<PostRow>& rows, bool retry) {
    return Columns<PostRow>(rows, retry)
        .reference(&PostRow::scene)
        .reference(&PostRow::event)
        .text(&PostRow::text)
        .json(&PostRow::attachments)
        .json(&PostRow::labels)
        .time(&PostRow::created_at)
        .take();
}

db::Params alliance_params(const Rows<AllianceRow>& rows, bool retry) {
    return Columns<AllianceRow>(rows, retry)
        .reference(&AllianceRow::from)
        .reference(&AllianceRow::to)
        .number(&AllianceRow::weight)
        .text(&AllianceRow::status)
        .text(&AllianceRow::reason)
        .time(&AllianceRow::since)
        .time(&AllianceRow::created_at)
        .take();
}

db::Params membership_params(const Rows<MembershipRow>& rows, bool retry) {
    return Columns<MembershipRow>(rows, retry)
        .reference(&MembershipRow::scene)
        .text(&MembershipRow::member_did)
        .text(&MembershipRow::role)
        .text(&MembershipRow::status)
        .number(&MembershipRow::weight)
        .time(&MembershipRow::since)
        .time(&MembershipRow::created_at)
        .take();
}

template <class Row>
Rows<Row> rows_of(const RecordRows& records) {
    Rows<Row> found;
    for (const auto& [key, record] : records) {
        if (const Row* row = std::get_if<Row>(&record.typed)) found.push_back(row);
    }
    return found;
}

}  // namespace

void add_typed_rows(db::Pipeline& pipeline, const RecordRows& records, bool retry,
                    std::vector<std::size_t>& trust_steps) {
    if (const auto rows = rows_of<SceneRow>(records); !rows.empty()) {
        trust_steps.push_back(pipeline.size());
        pipeline.add(writer_sql::upsert_scenes, scene_params(rows, retry));
    }
    if (const auto rows = rows_of<EventRow>(records); !rows.empty()) {
        pipeline.add(writer_sql::upsert_events, event_params(rows, retry));
    }
    if (const auto rows = rows_of<PostRow>(records); !rows.empty()) {
        pipeline.add(writer_sql::upsert_posts, post_params(rows, retry));
    }
    if (const auto rows = rows_of<AllianceRow>(records); !rows.empty()) {
        trust_steps.push_back(pipeline.size());
        pipeline.add(writer_sql::upsert_alliances, alliance_params(rows, retry));
    }
    if (const auto rows = rows_of<MembershipRow>(records); !rows.empty()) {
        trust_steps.push_back(pipeline.size());
        pipeline.add(writer_sql::upsert_memberships, membership_params(rows, retry));
    }
}

}  // namespace subcults::indexer
