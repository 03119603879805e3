#include "platform/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>

namespace parley::metrics {
namespace {

prometheus::Registry& registry() {
  static prometheus::Registry instance(prometheus::Registry::InsertBehavior::Merge);
  return instance;
}

struct Refreshers {
  std::mutex mutex;
  std::vector<std::function<void()>> all;
};
Refreshers& refreshers() {
  static Refreshers instance;
  return instance;
}

}  // namespace

void Counter::add(double n) { impl_.Increment(n); }
void Counter::raise_to(double total) { impl_.Increment(total - impl_.Value()); }
void Gauge::set(double value) { impl_.Set(value); }
void Gauge::add(double n) { impl_.Increment(n); }
void Histogram::observe(double value) { impl_.Observe(value); }

std::vector<double> latency_buckets() { return {.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10}; }

Counter counter(const std::string& name, const std::string& help, const Labels& labels) {
  return Counter(prometheus::BuildCounter().Name(name).Help(help).Register(registry()).Add(labels));
}
Gauge gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return Gauge(prometheus::BuildGauge().Name(name).Help(help).Register(registry()).Add(labels));
}
Histogram histogram(const std::string& name, const std::string& help, const Labels& labels,
                    std::vector<double> buckets) {
  return Histogram(
      prometheus::BuildHistogram().Name(name).Help(help).Register(registry()).Add(labels, std::move(buckets)));
}

void on_scrape(std::function<void()> refresh) {
  const std::lock_guard lock(refreshers().mutex);
  refreshers().all.push_back(std::move(refresh));
}

std::string text() {
  {
    const std::lock_guard lock(refreshers().mutex);
    for (const auto& refresh : refreshers().all) refresh();
  }
  return prometheus::TextSerializer().Serialize(registry().Collect());
}

}  // namespace parley::metrics
