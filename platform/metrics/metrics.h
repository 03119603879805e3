#pragma once
// Metrics of this process, in one registry, served by platform/health on /metrics. A metric is made once, at start, and
// kept by reference; using one is thread-safe and costs nanoseconds. Names follow Prometheus:
// parley_<what>_<unit>_total, seconds and bytes as units. No label whose values a client chooses, or that grow with the
// data. docs/metrics.md lists them all, word by word: a test compares.
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace parley::metrics {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  explicit Counter(prometheus::Counter& impl) : impl_(impl) {}
  void add(double n = 1);
  /// For a total that somebody else keeps, and that never falls. From one thread at a time: on_scrape().
  void raise_to(double total);

 private:
  prometheus::Counter& impl_;
};
class Gauge {
 public:
  explicit Gauge(prometheus::Gauge& impl) : impl_(impl) {}
  void set(double value);
  void add(double n);

 private:
  prometheus::Gauge& impl_;
};
class Histogram {
 public:
  explicit Histogram(prometheus::Histogram& impl) : impl_(impl) {}
  void observe(double value);

 private:
  prometheus::Histogram& impl_;
};

/// Seconds, from half a millisecond to ten seconds: what requests and transactions take here.
std::vector<double> latency_buckets();

/// The same name and labels give the same metric again.
Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
Histogram histogram(const std::string& name, const std::string& help, const Labels& labels = {},
                    std::vector<double> buckets = latency_buckets());

/// Runs before each scrape, on the scraping thread, one at a time, for gauges that are read rather than kept. For the
/// life of the process.
void on_scrape(std::function<void()> refresh);

/// What the system says of this process, under the names that Prometheus' own clients use (process_cpu_seconds_total,
/// …). Called once.
void observe_process();

/// All metrics in Prometheus' text format.
std::string text();

}  // namespace parley::metrics
