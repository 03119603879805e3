#include "ops/simulators/simulator.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "api/http/responder.h"
#include "api/http/routes.h"
#include "api/http/server.h"
#include "api/http/timers.h"

namespace parley::simulators {
namespace {

constexpr std::size_t kJournalLines = 10'000;

http::Response text(int status, std::string body) {
  return {.status = status, .headers = {{"Content-Type", "text/plain; charset=utf-8"}}, .body = std::move(body)};
}

http::Response error(int status, std::string_view code) {
  return http::Response::json(status, "{\"error\":\"" + std::string(code) + "\"}");
}

/// As the kernel would send it; `sent` bytes of the body.
std::string wire(const http::Response& response, std::size_t sent, std::size_t announced) {
  std::string bytes = "HTTP/1.1 " + std::to_string(response.status) + " ";
  bytes.append(http::reason_phrase(response.status)).append("\r\n");
  for (const auto& [name, value] : response.headers) bytes.append(name).append(": ").append(value).append("\r\n");
  bytes.append("Content-Length: ").append(std::to_string(announced)).append("\r\n\r\n");
  return bytes.append(response.body, 0, sent);
}

std::string whole(const http::Response& response) { return wire(response, response.body.size(), response.body.size()); }

std::string half(const http::Response& response) {
  const auto size = std::max<std::size_t>(response.body.size(), 1);
  return wire(response, size / 2, size);
}

/// What a fault that keeps the simulator from acting is answered with, if it is answered.
std::optional<http::Response> answer_without_acting(const Fault& fault) {
  if (fault.kind == FaultKind::error) return error(fault.status, "fault");
  if (fault.kind != FaultKind::too_many) return std::nullopt;
  auto response = error(429, "too many requests");
  response.headers.add("Retry-After", std::to_string(fault.retry_after.count()));
  return response;
}

std::optional<std::uint64_t> number(const http::Parameters& parameters, std::string_view name,
                                    std::uint64_t otherwise) {
  const auto value = parameters.find(name);
  if (!value) return otherwise;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (error != std::errc() || end != value->data() + value->size()) return std::nullopt;
  return number;
}

void write_members(json::Writer& writer, std::string_view key, const auto& pairs) {
  writer.key(key);
  writer.begin_object();
  for (const auto& [name, value] : pairs) {
    writer.key(name);
    writer.string(value);
  }
  writer.end_object();
}

}  // namespace

struct Simulator::Impl {
  explicit Impl(Options given)
      : options(std::move(given)), faults(options.seed), journal(options.journal_path), timers("sim-timers") {
    for (const auto& fault : options.faults) faults.add(fault);
  }

  void serve(const http::Request& request, const http::Responder& responder, const Act& act);
  void answer(const std::optional<Fault>& fault, http::Response response, const http::Responder& responder);
  void keep_hanging(const http::Responder& responder);
  void add_controls();

  const Options options;
  Faults faults;
  Journal journal;
  std::mutex acting;  // an act and its line in the journal
  std::mutex hanging_mutex;
  std::deque<http::Responder> hanging;
  http::Timers timers;
  http::Routes routes;
  std::unique_ptr<http::Server> server;
};

void Simulator::Impl::serve(const http::Request& request, const http::Responder& responder, const Act& act) {
  std::optional<Fault> fault;
  std::optional<http::Response> response;
  {
    const std::lock_guard lock(acting);
    fault = faults.befalling(request.method + " " + request.route);
    std::string did;
    if (!fault || acts(fault->kind)) {
      auto done = act(request);
      response = std::move(done.response);
      did = std::move(done.did);
    } else {
      response = answer_without_acting(*fault);
    }
    journal.append([&](json::Writer& writer) {
      const auto add = [&](std::string_view key, std::string_view value) {
        writer.key(key);
        writer.string(value);
      };
      add("method", request.method);
      add("route", request.route);
      write_members(writer, "path", request.path);
      write_members(writer, "query", request.query);
      write_members(writer, "fields", request.headers);
      add("body", request.body);
      if (fault) add("fault", name(fault->kind));
      add("did", did);
      if (response) {
        writer.key("status");
        writer.integer(response->status);
      }
    });
  }
  if (response)
    answer(fault, std::move(*response), responder);
  else if (fault->kind == FaultKind::hang)
    keep_hanging(responder);
  else
    responder.break_off();
}

void Simulator::Impl::answer(const std::optional<Fault>& fault, http::Response response,
                             const http::Responder& responder) {
  const bool is_plain = !fault || !acts(fault->kind);
  if (is_plain) return void(responder.send(std::move(response)));
  switch (fault->kind) {
    case FaultKind::delay:
      timers.after(fault->delay, [responder, response = std::move(response)] { responder.send(response); });
      return;
    case FaultKind::break_off:
      return void(responder.break_off(half(response)));
    case FaultKind::answer_twice:
      return void(responder.break_off(whole(response) + whole(response)));
    case FaultKind::act_and_hang:
      return keep_hanging(responder);
    default:
      return void(responder.break_off());
  }
}

void Simulator::Impl::keep_hanging(const http::Responder& responder) {
  const std::lock_guard lock(hanging_mutex);
  std::erase_if(hanging, [](const http::Responder& one) { return one.gone(); });
  hanging.push_back(responder);
  if (hanging.size() > kHangingMax) hanging.pop_front();
}

void Simulator::Impl::add_controls() {
  routes.add("POST", "/_faults", [this](const http::Request& request, const http::Responder& responder) {
    auto fault = Fault::read(request.query);
    if (!fault) return void(responder.send(text(400, fault.error() + "\n")));
    faults.add(std::move(*fault));
    responder.send(text(204, ""));
  });
  routes.add("GET", "/_faults", [this](const http::Request&, const http::Responder& responder) {
    std::string lines;
    for (const auto& fault : faults.all()) lines += fault.text() + "\n";
    responder.send(text(200, lines));
  });
  routes.add("DELETE", "/_faults", [this](const http::Request&, const http::Responder& responder) {
    faults.clear();
    responder.send(text(204, ""));
  });
  routes.add("GET", "/_journal", [this](const http::Request& request, const http::Responder& responder) {
    const auto after = number(request.query, "after", 0);
    const auto limit = number(request.query, "limit", kJournalLines);
    if (!after || !limit) return void(responder.send(text(400, "after and limit are whole numbers\n")));
    responder.send(
        {.status = 200, .headers = {{"Content-Type", "application/x-ndjson"}}, .body = journal.lines(*after, *limit)});
  });
}

Simulator::Simulator(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Simulator::~Simulator() {
  if (impl_->server) impl_->server->stop();  // before what hangs is let go, which answers it
}

void Simulator::on(std::string method, std::string_view pattern, Act act) {
  impl_->routes.add(
      std::move(method), pattern,
      [impl = impl_.get(), act = std::move(act)](const http::Request& request, const http::Responder& responder) {
        impl->serve(request, responder, act);
      });
}

void Simulator::start() {
  impl_->add_controls();
  impl_->server = std::make_unique<http::Server>(
      http::ServerOptions{.host = impl_->options.host, .port = impl_->options.port}, std::move(impl_->routes),
      http::Hooks{
          .error = [](const http::KernelError& kernel) { return error(kernel.refusal.status, kernel.refusal.code); }});
  impl_->server->start();
}

std::uint16_t Simulator::port() const { return impl_->server->port(); }
std::string Simulator::url() const { return "http://" + impl_->options.host + ":" + std::to_string(port()); }
Faults& Simulator::faults() { return impl_->faults; }
const Journal& Simulator::journal() const { return impl_->journal; }

}  // namespace parley::simulators
