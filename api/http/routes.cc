#include "api/http/routes.h"

#include <fmt/format.h>
#include <pistache/router.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>

namespace parley::http {

struct Routes::Path {
  std::map<std::string, Endpoint, std::less<>> methods;
};

namespace {

/// What Pistache's routing tree keeps for a path. It is never invoked: our own table of methods knows the ones that
/// Pistache does not (QUERY, PROPFIND), and Pistache's way to a handler leads through its response writer, which must
/// not be used (see README.md).
struct PathReference {
  Routes::Path* path;
  Pistache::Rest::Route::Result operator()(const Pistache::Rest::Request&,
                                           const Pistache::Http::ResponseWriter&) const {
    return Pistache::Rest::Route::Result::Failure;
  }
};

struct Pattern {
  std::string shape;  ///< without outer slashes, parameters by position: "api/dialogs/:0/messages"
  std::vector<std::string> names;
};

Pattern parse_pattern(std::string_view pattern) {
  const auto malformed = [&] { return std::invalid_argument("malformed route pattern: " + std::string(pattern)); };
  if (pattern.size() < 2 || pattern.front() != '/' || pattern.back() == '/' || pattern.contains("//"))
    throw malformed();
  Pattern parsed;
  std::string_view rest = pattern.substr(1);
  while (!rest.empty()) {
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), segment.size() + 1));
    if (!parsed.shape.empty()) parsed.shape.push_back('/');
    if (segment.starts_with('{')) {
      if (segment.size() < 3 || !segment.ends_with('}')) throw malformed();
      parsed.shape.append(":").append(std::to_string(parsed.names.size()));
      parsed.names.emplace_back(segment.substr(1, segment.size() - 2));
    } else {
      if (segment.find_first_of(":*?{}%") != std::string_view::npos) throw malformed();
      parsed.shape.append(segment);
    }
  }
  return parsed;
}

}  // namespace

struct Routes::Impl {
  std::map<std::string, Path> paths;  // by shape; a map, because the tree keeps pointers to its values
  Pistache::Rest::SegmentTreeNode tree;
};

Routes::Routes() : impl_(std::make_unique<Impl>()) {}
Routes::~Routes() = default;
Routes::Routes(Routes&&) noexcept = default;
Routes& Routes::operator=(Routes&&) noexcept = default;

void Routes::add(std::string method, std::string_view pattern, Handler handler, std::size_t body_bytes_max,
                 Intake intake) {
  Pattern parsed = parse_pattern(pattern);
  const auto [at, is_new] = impl_->paths.try_emplace(parsed.shape);
  if (is_new) {
    // The tree keeps views into this text, and the text by the shared pointer.
    const std::shared_ptr<char> text(new char[parsed.shape.size()], std::default_delete<char[]>());
    std::memcpy(text.get(), parsed.shape.data(), parsed.shape.size());
    impl_->tree.addRoute({text.get(), parsed.shape.size()}, PathReference{&at->second}, text);
  }
  Endpoint endpoint{.pattern = std::string(pattern),
                    .parameter_names = std::move(parsed.names),
                    .handler = std::move(handler),
                    .body_bytes_max = body_bytes_max,
                    .intake = std::move(intake)};
  if (!at->second.methods.try_emplace(std::move(method), std::move(endpoint)).second) {
    throw std::invalid_argument("route declared twice: " + std::string(pattern));
  }
}

Routes::Match Routes::match(std::string_view path) const {
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.empty()) return {};
  const auto [route, parameters, splats] = impl_->tree.findRoute(path);
  if (route == nullptr) return {};
  Match match{.path = route->handler_.target<PathReference>()->path, .segments = {}};
  for (const auto& parameter : parameters) match.segments.push_back(parameter.as<std::string>());
  return match;
}

std::string_view Routes::pattern(const Path& path) { return path.methods.begin()->second.pattern; }

const Routes::Endpoint* Routes::endpoint(const Path& path, std::string_view method) {
  const auto at = path.methods.find(method);
  return at == path.methods.end() ? nullptr : &at->second;
}

std::string Routes::allow(const Path& path) {
  std::vector<std::string_view> methods;
  methods.reserve(path.methods.size() + 2);
  for (const auto& [method, endpoint] : path.methods) methods.push_back(method);
  if (endpoint(path, "GET") != nullptr && endpoint(path, "HEAD") == nullptr) methods.emplace_back("HEAD");
  if (endpoint(path, "OPTIONS") == nullptr) methods.emplace_back("OPTIONS");
  return fmt::format("{}", fmt::join(methods, ", "));
}

}  // namespace parley::http
