#include "net/router.hpp"

#include "net/query.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace subcults::net {
namespace {

constexpr std::size_t method_count = static_cast<std::size_t>(Method::other) + 1;

struct Node {
    std::vector<std::pair<std::string, std::unique_ptr<Node>>> literals;
    std::unique_ptr<Node> uuid;
    std::unique_ptr<Node> text;
    std::array<const Route*, method_count> routes{};
};

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

bool is_literal(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.' || c == '~';
    });
}

// A segment as sent, decoded only when it contains an escape.
class Segment {
  public:
    explicit Segment(std::string_view raw) : raw_(raw) {
        if (raw.find('%') == std::string_view::npos) return;
        escaped_ = true;
        // Cannot fail: the whole path was checked before.
        percent_decode(raw, PlusIs::plus, decoded_);
    }
    std::string_view text() const noexcept { return escaped_ ? std::string_view(decoded_) : raw_; }

  private:
    std::string_view raw_;
    std::string decoded_;
    bool escaped_ = false;
};

bool decodes(std::string_view path) {
    const bool plain = std::all_of(path.begin(), path.end(), [](char c) {
        return c != '%' && static_cast<unsigned char>(c) < 0x80 && c != '\0';
    });
    if (plain) return true;
    // Segment by segment, so that a sequence cannot be completed across a slash.
    std::string scratch;
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        scratch.clear();
        if (!percent_decode(path.substr(0, slash), PlusIs::plus, scratch)) return false;
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash + 1);
    }
    return true;
}

const Route* find_route(const Node& node, Method method) {
    const Route* route = node.routes[static_cast<std::size_t>(method)];
    if (route == nullptr && method == Method::head) {
        route = node.routes[static_cast<std::size_t>(Method::get)];
    }
    return route;
}

void collect_allowed(const Node& node, std::vector<Method>& allowed) {
    const auto add = [&](Method method) {
        if (std::find(allowed.begin(), allowed.end(), method) == allowed.end()) {
            allowed.push_back(method);
        }
    };
    for (std::size_t i = 0; i < method_count; ++i) {
        if (node.routes[i] == nullptr) continue;
        add(static_cast<Method>(i));
        if (static_cast<Method>(i) == Method::get) add(Method::head);
    }
}

// `rest` is what follows the slash that led to `node`, or nullopt-like end when `at_end`.
bool descend(const Node& node, std::string_view rest, bool at_end, Method method,
             Router::Match& match) {
    if (at_end) {
        match.route = find_route(node, method);
        if (match.route != nullptr) return true;
        collect_allowed(node, match.allowed);
        return false;
    }
    const std::size_t slash = rest.find('/');
    const std::string_view raw = rest.substr(0, slash);
    const bool last = slash == std::string_view::npos;
    const std::string_view next = last ? std::string_view{} : rest.substr(slash + 1);
    // An empty segment matches nothing: `//` and a trailing slash are other paths.
    if (raw.empty()) return false;
    const Segment segment(raw);
    for (const auto& [text, child] : node.literals) {
        if (text == segment.text() && descend(*child, next, last, method, match)) return true;
    }
    if (node.uuid) {
        if (const auto id = Uuid::parse(segment.text())) {
            match.uuid_params.push_back(*id);
            if (descend(*node.uuid, next, last, method, match)) return true;
            match.uuid_params.pop_back();
        }
    }
    if (node.text) {
        match.text_params.emplace_back(segment.text());
        if (descend(*node.text, next, last, method, match)) return true;
        match.text_params.pop_back();
    }
    return false;
}

}  // namespace

struct Router::Impl {
    Node root;
    std::vector<std::unique_ptr<Route>> routes;
};

Router::Router() : impl_(std::make_unique<Impl>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::add(Method method, std::string_view pattern, RouteOptions options, Handler handler) {
    const auto malformed = [&](std::string_view why) {
        return std::invalid_argument("route " + std::string(pattern) + ": " + std::string(why));
    };
    if (method == Method::other) throw malformed("method cannot be routed");
    if (!handler) throw malformed("no handler");
    if (pattern.empty() || pattern.front() != '/') throw malformed("must start with /");
    std::string label;
    Node* node = &impl_->root;
    std::string_view rest = pattern.substr(1);
    bool more = !rest.empty();
    if (!more) label = "/";
    while (more) {
        const std::size_t slash = rest.find('/');
        const std::string_view segment = rest.substr(0, slash);
        more = slash != std::string_view::npos;
        if (more) rest.remove_prefix(slash + 1);
        label += '/';
        if (segment.size() > 2 && segment.front() == '{' && segment.back() == '}') {
            const std::string_view inner = segment.substr(1, segment.size() - 2);
            const std::size_t colon = inner.find(':');
            const std::string_view name = inner.substr(0, colon);
            if (!is_name(name)) throw malformed("bad parameter name");
            const bool typed = colon != std::string_view::npos;
            if (typed && inner.substr(colon + 1) != "uuid") throw malformed("unknown type");
            std::unique_ptr<Node>& child = typed ? node->uuid : node->text;
            if (!child) child = std::make_unique<Node>();
            node = child.get();
            label += '{';
            label += name;
            label += '}';
            continue;
        }
        if (!is_literal(segment)) throw malformed("bad segment");
        label += segment;
        const auto known = std::find_if(node->literals.begin(), node->literals.end(),
                                        [&](const auto& entry) { return entry.first == segment; });
        if (known != node->literals.end()) {
            node = known->second.get();
        } else {
            node->literals.emplace_back(segment, std::make_unique<Node>());
            node = node->literals.back().second.get();
        }
    }
    const Route*& slot = node->routes[static_cast<std::size_t>(method)];
    if (slot != nullptr) throw malformed("added twice for " + std::string(to_string(method)));
    auto route = std::make_unique<Route>();
    route->method = method;
    route->pattern = std::move(label);
    route->options = std::move(options);
    route->handler = std::move(handler);
    route->index = impl_->routes.size();
    slot = route.get();
    impl_->routes.push_back(std::move(route));
}

Router::Match Router::match(Method method, std::string_view path) const {
    Match match;
    this->match(method, path, match);
    return match;
}

void Router::match(Method method, std::string_view path, Match& into) const {
    into.route = nullptr;
    into.allowed.clear();
    into.text_params.clear();
    into.uuid_params.clear();
    into.bad_encoding = !decodes(path);
    if (into.bad_encoding || path.empty() || path.front() != '/') return;
    const std::string_view rest = path.substr(1);
    descend(impl_->root, rest, rest.empty(), method, into);
    if (into.route != nullptr) into.allowed.clear();
}

const std::vector<std::unique_ptr<Route>>& Router::routes() const noexcept {
    return impl_->routes;
}

}  // namespace subcults::net
