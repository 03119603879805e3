#include "platform/health/health.h"

#include <fmt/format.h>

#include <CivetServer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <stdexcept>

#include "platform/metrics/metrics.h"
#include "platform/text/printable.h"
#include "platform/version/version.h"

namespace parley::health {
namespace {

void answer(mg_connection* connection, int status, const char* content_type, const std::string& body) {
  mg_printf(connection,
            "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\nConnection: "
            "close\r\n\r\n",
            status, status == 200 ? "OK" : "Service Unavailable", content_type, body.size());
  mg_write(connection, body.data(), body.size());
}

/// Always 1: what it says is in its labels.
struct Build {
  Build() {
    metrics::gauge("parley_build_info", "Always 1: the labels say which Parley this is",
                   {{"version", std::string(version::number())}, {"commit", std::string(version::commit())}})
        .set(1);
  }
};

struct Metrics : CivetHandler {
  explicit Metrics(const std::function<Verdict()>& v) : verdict(v) {}
  bool handleGet(CivetServer*, mg_connection* connection) override {
    const auto now = verdict().readiness;
    ready.set(now == Readiness::not_ready ? 0 : 1);
    degraded.set(now == Readiness::degraded ? 1 : 0);
    answer(connection, 200, "text/plain; version=0.0.4; charset=utf-8", metrics::text());
    return true;
  }
  const std::function<Verdict()>& verdict;
  metrics::Gauge ready =
      metrics::gauge("parley_process_ready", "1: the process can do its work; 0: it cannot, and /readyz says why");
  metrics::Gauge degraded = metrics::gauge("parley_process_degraded",
                                           "1: the process works, but an operator should look at what /readyz reports");
  Build build;
};
struct Live : CivetHandler {
  bool handleGet(CivetServer*, mg_connection* connection) override {
    answer(connection, 200, "application/json", R"({"status":"live"})");
    return true;
  }
};
struct Ready : CivetHandler {
  explicit Ready(std::function<Verdict()> v) : verdict(std::move(v)) {}
  bool handleGet(CivetServer*, mg_connection* connection) override {
    const auto now = verdict();
    const auto version = version::number();
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> w(buffer);
    w.StartObject();
    w.Key("status");
    w.String(now.readiness == Readiness::ready      ? "ready"
             : now.readiness == Readiness::degraded ? "degraded"
                                                    : "not_ready");
    w.Key("version");
    w.String(version.data(), static_cast<rapidjson::SizeType>(version.size()));
    w.Key("reasons");
    w.StartArray();
    for (const auto& reason : now.reasons) w.String(reason.c_str(), static_cast<rapidjson::SizeType>(reason.size()));
    w.EndArray();
    w.EndObject();
    answer(connection, now.readiness == Readiness::not_ready ? 503 : 200, "application/json",
           text::escaped({buffer.GetString(), buffer.GetSize()}));  // a reason may quote what somebody wrote
    return true;
  }
  std::function<Verdict()> verdict;
};

}  // namespace

Verdict worse(Verdict a, const Verdict& b) {
  a.readiness = std::max(a.readiness, b.readiness);
  a.reasons.insert(a.reasons.end(), b.reasons.begin(), b.reasons.end());
  return a;
}

struct Server::Impl {
  Impl(const std::string& address, std::function<Verdict()> verdict)
      : ready(std::move(verdict)),
        metrics(ready.verdict),
        server(std::vector<std::string>{"listening_ports", address, "num_threads", "2", "request_timeout_ms", "5000"}) {
    server.addHandler("/metrics", metrics);
    server.addHandler("/livez", live);
    server.addHandler("/readyz", ready);
  }
  Live live;
  Ready ready;
  Metrics metrics;
  CivetServer server;  // last: it stops before the handlers go
};

Server::Server(const std::string& host, int port, std::function<Verdict()> verdict) {
  const auto address = fmt::format("{}:{}", host, port);
  metrics::observe_process();
  try {
    impl_ = std::make_unique<Impl>(address, std::move(verdict));
  } catch (const CivetException& e) {
    throw std::runtime_error(fmt::format("cannot listen on {} (--health-host, --health-port): {}", address, e.what()));
  }
}
Server::~Server() = default;

}  // namespace parley::health
