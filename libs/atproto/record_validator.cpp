#include "atproto/record_validator.hpp"

#include "atproto/embedded_lexicons.hpp"
#include "atproto/lexicon.hpp"
#include "atproto/record_walk.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

namespace subcults::atproto {
namespace {

std::string id_from_path(std::string_view path) {
    constexpr std::string_view suffix = ".json";
    if (path.ends_with(suffix)) path.remove_suffix(suffix.size());
    std::string id(path);
    std::replace(id.begin(), id.end(), '/', '.');
    return id;
}

}  // namespace

struct RecordValidator::Impl {
    std::vector<Lexicon> lexicons;        // sorted by id
    std::vector<std::string> namespaces;  // "tv.subcult."

    const Lexicon* find(std::string_view collection) const noexcept {
        const auto found = std::lower_bound(lexicons.begin(), lexicons.end(), collection,
                                            [](const Lexicon& lexicon, std::string_view wanted) {
                                                return std::string_view(lexicon.id()) < wanted;
                                            });
        return found != lexicons.end() && found->id() == collection ? &*found : nullptr;
    }

    bool is_ours(std::string_view collection) const noexcept {
        return std::any_of(
            namespaces.begin(), namespaces.end(),
            [collection](const std::string& prefix) { return collection.starts_with(prefix); });
    }
};

RecordValidator::RecordValidator() {
    auto impl = std::make_unique<Impl>();
    for (const EmbeddedLexicon& file : embedded_lexicons()) {
        Lexicon lexicon = Lexicon::compile(file.json);
        if (lexicon.id() != id_from_path(file.path))
            throw std::invalid_argument(lexicon.id() + ": its file is called " +
                                        std::string(file.path));
        std::string prefix = lexicon.id().substr(0, lexicon.id().rfind('.') + 1);
        if (!impl->is_ours(prefix)) impl->namespaces.push_back(std::move(prefix));
        impl->lexicons.push_back(std::move(lexicon));
    }
    std::sort(impl->lexicons.begin(), impl->lexicons.end(),
              [](const Lexicon& a, const Lexicon& b) { return a.id() < b.id(); });
    impl_ = std::move(impl);
}

RecordValidator::~RecordValidator() = default;

bool RecordValidator::knows(std::string_view collection) const noexcept {
    return impl_->find(collection) != nullptr;
}

bool RecordValidator::key_fits(std::string_view collection, std::string_view rkey) const noexcept {
    const Lexicon* const lexicon = impl_->find(collection);
    return lexicon == nullptr || lexicon->key_fits(rkey);
}

Result<void, RecordFault> RecordValidator::check(std::string_view collection,
                                                 const simdjson::dom::object& record) const {
    if (const Lexicon* const lexicon = impl_->find(collection))
        return walk_record(&lexicon->form_of(record), record);
    if (impl_->is_ours(collection)) return walk_record(nullptr, record);
    return {};
}

}  // namespace subcults::atproto
