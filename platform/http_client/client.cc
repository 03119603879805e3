#include "platform/http_client/client.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <future>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "platform/http_client/target.h"
#include "platform/http_client/transfer.h"
#include "platform/invariant.h"
#include "platform/log/log.h"
#include "platform/metrics/metrics.h"

namespace parley::http_client {
namespace {

constexpr std::chrono::milliseconds kBetweenSweeps{10};
constexpr std::chrono::milliseconds kPollMax{60'000};

std::vector<double> seconds_buckets() { return {.005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 20, 50, 120}; }

class PeerMetrics {
 public:
  explicit PeerMetrics(const std::string& peer)
      : in_flight_(metrics::gauge("parley_http_client_in_flight", "Calls to systems outside that are under way",
                                  {{"peer", peer}})),
        seconds_(metrics::histogram("parley_http_client_seconds",
                                    "From the order for a call to its end, the wait for its turn included",
                                    {{"peer", peer}}, seconds_buckets())),
        peer_(peer) {}

  void began() { in_flight_.add(1); }
  void ended() { in_flight_.add(-1); }
  void count(const std::string& outcome, double seconds) {
    seconds_.observe(seconds);
    auto found = outcomes_.find(outcome);
    if (found == outcomes_.end()) {
      found = outcomes_
                  .emplace(outcome, metrics::counter("parley_http_client_calls_total",
                                                     "Calls to systems outside, by what became of them",
                                                     {{"peer", peer_}, {"outcome", outcome}}))
                  .first;
    }
    found->second.add();
  }

 private:
  metrics::Gauge in_flight_;
  metrics::Histogram seconds_;
  const std::string peer_;
  std::map<std::string, metrics::Counter> outcomes_;
};

std::string outcome_of(const Result<Response>& result) {
  return result ? fmt::format("{}xx", result->status / 100) : name(result.error().kind);
}

}  // namespace

const char* name(Kind kind) {
  switch (kind) {
    case Kind::invalid:
      return "invalid";
    case Kind::queue_full:
      return "queue_full";
    case Kind::cancelled:
      return "cancelled";
    case Kind::cannot_connect:
      return "cannot_connect";
    case Kind::refused_address:
      return "refused_address";
    case Kind::tls:
      return "tls";
    case Kind::timed_out_connecting:
      return "timed_out_connecting";
    case Kind::timed_out_first_byte:
      return "timed_out_first_byte";
    case Kind::timed_out_idle:
      return "timed_out_idle";
    case Kind::timed_out_total:
      return "timed_out_total";
    case Kind::too_large:
      return "too_large";
    case Kind::broken_off:
      return "broken_off";
    case Kind::bad_response:
      return "bad_response";
  }
  return "unknown";
}

std::string_view Response::value(std::string_view field_name) const {
  const auto found =
      std::ranges::find_if(fields, [&](const auto& field) { return equals_ignoring_case(field.first, field_name); });
  return found == fields.end() ? std::string_view{} : std::string_view(found->second);
}

/// What other threads leave for the client's thread.
struct Call::Mailbox {
  enum class What { cancel, resume };

  std::mutex mutex;
  CURLM* multi = nullptr;  ///< null once the client has ended
  bool is_ending = false;
  std::uint64_t last_id = 0;
  std::list<Exchange> waiting;  ///< at most Options::waiting_max
  bool has_new = false;
  std::vector<std::pair<std::uint64_t, What>> orders;

  void tell(std::uint64_t id, What what) {
    const std::lock_guard lock(mutex);
    if (multi == nullptr) return;
    orders.emplace_back(id, what);
    curl_multi_wakeup(multi);
  }
};

void Call::cancel() const { mailbox_->tell(id_, Mailbox::What::cancel); }
void Call::resume() const { mailbox_->tell(id_, Mailbox::What::resume); }

struct Client::Impl {
  using Mailbox = Call::Mailbox;

  explicit Impl(Options given) : options(std::move(given)) {
    invariant(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "libcurl starts");
    multi = curl_multi_init();
    invariant(multi != nullptr, "libcurl makes handles");
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(options.in_flight_max));
    mailbox->multi = multi;
    thread = std::thread([this] { run(); });
  }
  ~Impl() {
    {
      const std::lock_guard lock(mailbox->mutex);
      mailbox->is_ending = true;
      curl_multi_wakeup(multi);
    }
    thread.join();
    curl_multi_cleanup(multi);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // Any thread.
  Result<Call> submit(Request request, OnDone on_done);

  // The client's thread.
  void run();
  void obey();
  void cancel_waiting(std::uint64_t id);
  void start_waiting();
  void start(Exchange exchange);
  void finish_ended();
  void finish(Transfer& transfer, Result<Response> result);
  void conclude(Exchange& exchange, Result<Response> result);
  Clock::time_point sweep();
  Clock::time_point sweep_waiting(Clock::time_point now);
  void end_all();
  PeerMetrics& metrics_of(const std::string& peer) { return peers.try_emplace(peer, peer).first->second; }

  const Options options;
  CURLM* multi = nullptr;
  const std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>();
  std::unordered_map<std::uint64_t, std::unique_ptr<Transfer>> in_flight;
  std::unordered_map<std::string, std::size_t> in_flight_at;  // by Target::place
  bool has_free_place = false;                                // since the last look at what waits
  Clock::time_point next_sweep;
  std::map<std::string, PeerMetrics> peers;
  metrics::Gauge waiting_gauge =
      metrics::gauge("parley_http_client_waiting", "Calls to systems outside that wait for their turn");
  std::thread thread;
};

Result<Call> Client::Impl::submit(Request request, OnDone on_done) {
  invariant(!request.peer.empty(), "a call says whom it is for");
  auto target = checked(request, options);
  if (!target) return std::unexpected(std::move(target.error()));
  const std::lock_guard lock(mailbox->mutex);
  if (mailbox->is_ending)
    return std::unexpected(Error{.kind = Kind::cancelled, .is_sure_not_sent = true, .text = "the client ends"});
  if (mailbox->waiting.size() >= options.waiting_max) {
    return std::unexpected(
        Error{.kind = Kind::queue_full, .is_sure_not_sent = true, .text = "too many calls to the outside wait"});
  }
  const auto id = ++mailbox->last_id;
  mailbox->waiting.push_back({.id = id,
                              .request = std::move(request),
                              .target = std::move(*target),
                              .on_done = std::move(on_done),
                              .submitted = Clock::now()});
  mailbox->has_new = true;
  curl_multi_wakeup(multi);
  return Call(mailbox, id);
}

void Client::Impl::run() {
  pthread_setname_np(pthread_self(), "http-client");
  sigset_t broken_pipe;  // TLS writes with write(2), and libcurl leaves that signal to us
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  while (true) {
    {
      const std::lock_guard lock(mailbox->mutex);
      if (mailbox->is_ending) break;
      waiting_gauge.set(static_cast<double>(mailbox->waiting.size()));
    }
    obey();
    start_waiting();
    int running = 0;
    curl_multi_perform(multi, &running);
    finish_ended();
    const auto wake = sweep();
    const auto wait = has_free_place ? Clock::duration(0) : std::max(wake - Clock::now(), Clock::duration(0));
    curl_multi_poll(multi, nullptr, 0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait).count()),
                    nullptr);
  }
  end_all();
}

void Client::Impl::obey() {
  std::vector<std::pair<std::uint64_t, Mailbox::What>> orders;
  {
    const std::lock_guard lock(mailbox->mutex);
    orders.swap(mailbox->orders);
  }
  for (const auto& [id, what] : orders) {
    const auto found = in_flight.find(id);
    if (found == in_flight.end()) {
      if (what == Mailbox::What::cancel) cancel_waiting(id);
    } else if (what == Mailbox::What::resume) {
      if (auto error = found->second->resume()) finish(*found->second, std::unexpected(std::move(*error)));
    } else {
      finish(*found->second, std::unexpected(found->second->cut(Kind::cancelled, "cancelled")));
    }
  }
}

void Client::Impl::cancel_waiting(std::uint64_t id) {
  std::list<Exchange> cancelled;
  {
    const std::lock_guard lock(mailbox->mutex);
    auto& waiting = mailbox->waiting;
    const auto found = std::ranges::find(waiting, id, &Exchange::id);
    if (found == waiting.end()) return;
    cancelled.splice(cancelled.end(), waiting, found);
  }
  conclude(cancelled.front(),
           std::unexpected(Error{.kind = Kind::cancelled, .is_sure_not_sent = true, .text = "cancelled"}));
}

void Client::Impl::start_waiting() {
  std::list<Exchange> starting;
  {
    const std::lock_guard lock(mailbox->mutex);
    if (!std::exchange(mailbox->has_new, false) && !has_free_place) return;
    has_free_place = false;
    auto& waiting = mailbox->waiting;
    for (auto at = waiting.begin();
         at != waiting.end() && in_flight.size() + starting.size() < options.in_flight_max;) {
      auto& there = in_flight_at[at->target.place];
      const auto next = std::next(at);
      if (there < options.in_flight_per_host_max) {
        ++there;
        starting.splice(starting.end(), waiting, at);
      }
      at = next;
    }
  }
  for (auto& exchange : starting) start(std::move(exchange));
}

void Client::Impl::start(Exchange exchange) {
  metrics_of(exchange.request.peer).began();
  const auto id = exchange.id;
  auto transfer = std::make_unique<Transfer>(std::move(exchange), options);
  invariant(curl_multi_add_handle(multi, transfer->easy()) == CURLM_OK, "libcurl takes a handle");
  in_flight.emplace(id, std::move(transfer));
}

void Client::Impl::finish_ended() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* const easy = message->easy_handle;
    auto& transfer = Transfer::of(easy);
    Transfer::Handle spent;
    auto result = transfer.ended(message->data.result, spent);
    if (result) {
      finish(transfer, std::move(*result));
      continue;
    }
    curl_multi_remove_handle(multi, easy);
    invariant(curl_multi_add_handle(multi, transfer.easy()) == CURLM_OK, "libcurl takes a handle");
  }
}

void Client::Impl::finish(Transfer& transfer, Result<Response> result) {
  auto& exchange = transfer.exchange();
  curl_multi_remove_handle(multi, transfer.easy());
  metrics_of(exchange.request.peer).ended();
  if (const auto place = in_flight_at.find(exchange.target.place); --place->second == 0) in_flight_at.erase(place);
  has_free_place = true;
  const auto owned = std::move(in_flight.extract(exchange.id).mapped());
  conclude(exchange, std::move(result));
}

void Client::Impl::conclude(Exchange& exchange, Result<Response> result) {
  const std::chrono::duration<double> took = Clock::now() - exchange.submitted;
  const auto& request = exchange.request;
  metrics_of(request.peer).count(outcome_of(result), took.count());
  if (!result && result.error().kind != Kind::cancelled) {
    log::info("a call to the outside got no response", {{"peer", request.peer},
                                                        {"method", request.method},
                                                        {"host", exchange.target.place},
                                                        {"path", request.path_template},
                                                        {"outcome", name(result.error().kind)},
                                                        {"status", result.error().status},
                                                        {"is_sure_not_sent", result.error().is_sure_not_sent},
                                                        {"cause", result.error().text},
                                                        {"seconds", took.count()},
                                                        {"correlation_id", request.correlation_id}});
  }
  exchange.on_done(std::move(result));
}

// Ends what is late; returns when to look again, if nothing happens until then.
Clock::time_point Client::Impl::sweep() {
  const auto now = Clock::now();
  if (now < next_sweep) return next_sweep;
  std::vector<std::pair<Transfer*, Kind>> late;
  auto wake = sweep_waiting(now);
  for (const auto& [id, transfer] : in_flight) {
    if (const auto kind = transfer->late(now))
      late.emplace_back(transfer.get(), *kind);
    else
      wake = std::min(wake, transfer->next_deadline());
  }
  for (const auto& [transfer, kind] : late) {
    const auto& place = transfer->exchange().target.place;
    finish(*transfer, std::unexpected(transfer->cut(kind, place + " was too slow")));
  }
  next_sweep = now + kBetweenSweeps;
  return wake;
}

Clock::time_point Client::Impl::sweep_waiting(Clock::time_point now) {
  std::list<Exchange> late;
  auto next = now + kPollMax;
  {
    const std::lock_guard lock(mailbox->mutex);
    auto& waiting = mailbox->waiting;
    for (auto at = waiting.begin(); at != waiting.end();) {
      const auto following = std::next(at);
      if (at->deadline() <= now)
        late.splice(late.end(), waiting, at);
      else
        next = std::min(next, at->deadline());
      at = following;
    }
  }
  for (auto& exchange : late) {
    conclude(exchange, std::unexpected(Error{.kind = Kind::timed_out_total,
                                             .is_sure_not_sent = true,
                                             .text = "no place among the calls in flight in time"}));
  }
  return next;
}

void Client::Impl::end_all() {
  while (!in_flight.empty()) {
    auto& transfer = *in_flight.begin()->second;
    finish(transfer, std::unexpected(transfer.cut(Kind::cancelled, "the client ends")));
  }
  std::list<Exchange> waiting;
  {
    const std::lock_guard lock(mailbox->mutex);
    mailbox->multi = nullptr;
    waiting.swap(mailbox->waiting);
  }
  for (auto& exchange : waiting) {
    conclude(exchange,
             std::unexpected(Error{.kind = Kind::cancelled, .is_sure_not_sent = true, .text = "the client ends"}));
  }
}

Client::Client(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;

Result<Call> Client::submit(Request request, OnDone on_done) {
  return impl_->submit(std::move(request), std::move(on_done));
}

Result<Response> Client::call(Request request, const std::stop_token& stop) {
  invariant(std::this_thread::get_id() != impl_->thread.get_id(), "the client's thread does not wait for itself");
  const auto promise = std::make_shared<std::promise<Result<Response>>>();
  auto result = promise->get_future();
  const auto call =
      submit(std::move(request), [promise](Result<Response> given) { promise->set_value(std::move(given)); });
  if (!call) return std::unexpected(call.error());
  const std::stop_callback on_stop(stop, [&] { call->cancel(); });
  return result.get();
}

}  // namespace parley::http_client
