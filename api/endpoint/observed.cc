#include "api/endpoint/observed.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include "api/endpoint/cors.h"
#include "api/endpoint/failure.h"
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
                   Metrics{metrics::counter("parley_http_requests_total", "Requests that were answered", with_status),
                           metrics::histogram("parley_http_request_seconds",
                                              "From the complete request to its answer; streams are left out", labels)})
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

}  // namespace

http::Hooks hooks(std::map<std::string, std::string, std::less<>> cross_origin_paths) {
  const auto counted = std::make_shared<RequestMetrics>();
  return {.error =
              [paths = std::move(cross_origin_paths)](const http::KernelError& error) {
                auto response = kernel_error(error);
                if (paths.contains(error.path_pattern)) allow_origin(response.headers, error.origin);
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
