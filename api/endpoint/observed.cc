#include "api/endpoint/observed.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "api/endpoint/cors.h"
#include "api/endpoint/failure.h"
#include "platform/invariant.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"

namespace parley::endpoint {
namespace {

/// Metrics are looked up by what they count, once for each combination: routes are patterns and methods are ours, so
/// they are few.
class RequestMetrics {
 public:
  void count(std::string_view method, std::string_view route, int status, double seconds, bool streaming) {
    const auto& known = method_label(method);
    const std::lock_guard lock(mutex_);
    auto at = metrics_.find(std::tuple(known, route, status));
    if (at == metrics_.end()) {
      const metrics::Labels labels{{"method", std::string(known)}, {"route", std::string(route)}};
      auto with_status = labels;
      with_status["status"] = std::to_string(status);
      at = metrics_
               .emplace(
                   std::tuple(std::string(known), std::string(route), status),
                   Metrics{metrics::counter("parley_http_requests_total", "Requests that got a response", with_status),
                           metrics::histogram("parley_http_request_seconds",
                                              "From the complete request to its response; streams are not counted",
                                              labels)})
               .first;
    }
    at->second.requests.add();
    if (!streaming) at->second.seconds.observe(seconds);
  }

 private:
  struct Metrics {
    metrics::Counter requests;
    metrics::Histogram seconds;
  };
  /// A method is the client's to choose; a label is not.
  static std::string_view method_label(std::string_view method) {
    static constexpr std::array<std::string_view, 7> kKnown{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    const auto at = std::ranges::find(kKnown, method);
    return at == kKnown.end() ? "other" : *at;
  }

  std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, int>, Metrics, std::less<>> metrics_;
};

/// What an error needs of a surface.
struct Mounted {
  std::string prefix;
  const ErrorForm* errors;
  std::map<std::string, std::string, std::less<>> cross_origin_paths;
};

/// The one with the longest prefix of the path; the first one where none is.
const Mounted& surface_of(std::string_view path, const std::vector<Mounted>& surfaces) {
  const Mounted* best = nullptr;
  for (const auto& surface : surfaces) {
    const auto& prefix = surface.prefix;
    const bool covers = path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
    if (covers && (best == nullptr || prefix.size() > best->prefix.size())) best = &surface;
  }
  return best == nullptr ? surfaces.front() : *best;
}

}  // namespace

http::Hooks hooks(std::span<const Registry> mounted) {
  invariant(!mounted.empty(), "an API has a surface");
  std::vector<Mounted> surfaces;
  for (const auto& registry : mounted)
    surfaces.push_back({registry.prefix(), &registry.surface().errors, registry.cross_origin_paths()});
  const auto counted = std::make_shared<RequestMetrics>();
  return {.error =
              [surfaces = std::move(surfaces)](const http::KernelError& error) {
                const auto& surface =
                    surface_of(error.path_pattern.empty() ? error.unknown_path : error.path_pattern, surfaces);
                auto response = kernel_error(error, *surface.errors);
                if (surface.cross_origin_paths.contains(error.path_pattern))
                  allow_origin(response.headers, error.origin);
                return response;
              },
          .answered =
              [counted](const http::Answered& a) {
                const double seconds = std::chrono::duration<double>(a.duration).count();
                counted->count(a.method, a.route, a.status, seconds, a.streaming);
                log::write(a.status >= 500 ? log::Level::warn : log::Level::info, "request",
                           {{"correlation_id", a.request_id},
                            {"method", a.method},
                            {"route", a.route},
                            {"status", a.status},
                            {"seconds", seconds},
                            {"bytes", a.bytes},
                            {"streaming", a.streaming}});
              },
          .failed =
              [](const http::Failure& f) {
                log::error("a request failed",
                           {{"correlation_id", f.request_id}, {"route", f.route}, {"cause", f.cause}});
              }};
}

}  // namespace parley::endpoint
