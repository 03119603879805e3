#include "api/endpoint/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <iterator>

#include "api/auth/tokens.h"
#include "api/commands/dispatcher.h"
#include "api/commands/key_uses.h"
#include "api/directory/directory.h"
#include "api/endpoint/cors.h"
#include "api/endpoint/header_fields.h"
#include "api/endpoint/idempotency.h"
#include "api/http/cause.h"
#include "api/http/executor.h"
#include "api/http/timers.h"
#include "api/limits/address.h"
#include "api/limits/limiter.h"
#include "api/progress/progress.h"
#include "api/streams/streams.h"
#include "platform/crypto/crypto.h"
#include "platform/log/log.h"

namespace parley::endpoint {
namespace {

/// One request under way: everything that its answer needs, on whatever thread that is known. Shared by callbacks; its
/// parts are not changed after the first of them could run.
struct Exchange {
  std::shared_ptr<const Endpoint> endpoint;
  const Deps& deps;
  http::Request request;
  http::Responder responder;
  http::Timers::Clock::time_point arrived = http::Timers::Clock::now();
  Caller caller{};
  std::shared_ptr<const void> held{};  // of a command: Sending::complete()

  std::string_view origin() const {
    return endpoint->spec.access->cross_origin ? request.headers.get("Origin") : std::string_view{};
  }

  void send(http::Response response) const {
    allow_origin(response.headers, origin());
    // Tokens and what people wrote stay out of caches; a file says for itself who may keep it.
    if (!response.headers.has("Cache-Control")) response.headers.set("Cache-Control", "no-store");
    responder.send(std::move(response));
  }
  http::Response refusal(const Failure& given) const {
    const auto failure = answerable(given, endpoint->surface->errors);
    if (failure.code == kInternalError) {
      log::error("a request failed",
                 {{"correlation_id", request.request_id}, {"route", request.route}, {"cause", failure.problem.issue}});
    }
    auto response = error_response(failure, request.headers.get("Accept-Language"), endpoint->surface->errors);
    allow_origin(response.headers, origin());
    return response;
  }
  void refuse(const Failure& failure, bool repeated = false) const {
    auto response = refusal(failure);
    if (repeated) response.headers.set("Idempotency-Hit", "true");
    responder.send(std::move(response));
  }
};
using Shared = std::shared_ptr<Exchange>;

/// Whether this process knows everything that was so when the request arrived. To be asked before the directory is
/// looked into.
bool is_caught_up(const Exchange& x) { return x.deps.directory.complete_as_of() >= x.arrived; }

/// Whether it has waited long enough for this process to catch up.
bool is_late(const Exchange& x) { return http::Timers::Clock::now() >= x.arrived + kCatchUpWaitMax; }

/// Answers for what `work` throws, and says why to the log.
template <class Work>
void guarded(const Shared& x, Work&& work) {
  try {
    work();
  } catch (...) {
    x->refuse({kInternalError, {{}, http::cause_of_current_exception()}});
  }
}

/// Calls `look` in a moment, on a timer thread, unless the request has waited long enough for this process to catch up.
void look_again(const Shared& x, std::function<void()> look) {
  if (is_late(*x)) return x->refuse(kUnavailable);
  x->deps.timers.after(kCatchUpLook, [x, look = std::move(look)] { guarded(x, look); });
}

/// As expected_version() reads it.
std::string entity_tag(std::int64_t version) { return fmt::format("\"{}\"", version); }

/// A position as clients get it: "<log>.<partition>:<offset>". A log that was restored elsewhere has other offsets, and
/// so another name.
std::string position_text(const schema::Position& position, const Deps& deps) {
  return fmt::format("{}.{}:{}", deps.log_identity(), position.partition, position.offset);
}

Result<std::optional<Claim>> read_after(const http::Headers& headers, const Deps& deps) {
  constexpr auto kHeader = "X-Read-After";
  if (!headers.has(kHeader)) return std::optional<Claim>{};
  const auto text = headers.get(kHeader);
  const auto dot = text.find('.'), colon = text.find(':');
  if (dot == std::string_view::npos || dot == 0 || colon == std::string_view::npos || colon < dot)
    return invalid(kHeader, "must be a position as X-Event-Position gives it");
  const auto partition = plain_integer(text.substr(dot + 1, colon - dot - 1)),
             offset = plain_integer(text.substr(colon + 1));
  if (!partition || !offset) return invalid(kHeader, "must be a position as X-Event-Position gives it");
  if (text.substr(0, dot) != deps.log_identity())
    return invalid(kHeader, "is a position of another log: it was restored or made anew since");
  if (*partition >= deps.partitions) return invalid(kHeader, "must be a position as X-Event-Position gives it");
  return std::optional(Claim{
      .position = {.partition = *partition, .offset = *offset},
      .field = kHeader,
      .issue = "is a position that the log has not reached: what stood there was lost, so look again what there is"});
}

/// With what the endpoint says of its answers.
http::Response response_of(const Exchange& x, Body body) {
  const auto& spec = x.endpoint->spec;
  if (body.redirect != nullptr && std::ranges::find(spec.redirects, body.redirect) == spec.redirects.end())
    throw std::logic_error("a redirect to a target that its endpoint does not declare");
  if (body.finish) return body.finish(x.request.headers);
  auto response = std::move(body.response);
  response.status = spec.status;
  if (body.version) response.headers.set("ETag", entity_tag(*body.version));
  if (body.next_cursor) response.headers.set("X-Next-Cursor", *body.next_cursor);
  return response;
}

// Commands.

void answer(const Exchange& x, const api::CommandResult& result, const schema::Outcome& outcome, Body body) {
  if (x.endpoint->spec.single) body.version = outcome.version;
  auto response = response_of(x, std::move(body));
  if (result.repeated) response.headers.set("Idempotency-Hit", "true");
  if (outcome.position) {
    response.headers.set("X-Event-Position", position_text(*outcome.position, x.deps));
    if (!result.readable) response.headers.set("X-Projection", "pending");
  }
  x.send(std::move(response));
}

void answer_when_settled(const Shared& x, const std::shared_ptr<const api::CommandResult>& result,
                         http::Timers::Clock::time_point until) {
  const auto& outcome = *result->outcome;
  const auto& decision = std::get<Answer>(outcome.result);
  const Decided decided{outcome, x->caller, x->deps};
  if (x->endpoint->settled && !x->endpoint->settled(decision, decided) && http::Timers::Clock::now() < until) {
    x->deps.timers.after(kSettleLook, [=] { guarded(x, [&] { answer_when_settled(x, result, until); }); });
    return;
  }
  answer(*x, *result, outcome, x->endpoint->present(decision, decided));
}

void finish(const Shared& x, const std::string& command_id, api::CommandResult result) {
  guarded(x, [&] {
    if (!result.outcome) {
      Failure failure(result.outcome.error());
      if (failure.code == api::kCommandTimeout || failure.code == schema::kCommandExpired)
        failure.command_id = command_id;
      x->refuse(failure, result.repeated);
    } else if (const auto* refusal = std::get_if<Error>(&result.outcome->result)) {
      // That a key was used for something else is said anew, not again.
      x->refuse(*refusal, result.repeated && refusal->code != schema::kIdempotencyKeyReused);
    } else {
      answer_when_settled(x, std::make_shared<const api::CommandResult>(std::move(result)),
                          http::Timers::Clock::now() + kSettleWaitMax);
    }
  });
}

/// A command that is being made, maybe more than once.
struct Making {
  Endpoint::Prepared prepared;
  std::optional<IdempotencyKey> key;
  std::optional<std::int64_t> version;
};

void send_command(const Shared& x, Sending sending, const std::optional<IdempotencyKey>& key,
                  std::optional<std::int64_t> version) {
  const auto& scope = sending.scope.empty() ? x->caller.scope : sending.scope;
  const auto path = concrete_path(x->request);
  schema::CommandEnvelope envelope;
  envelope.command_id = command_id(scope, x->request.method, path, key ? key->text : "");
  envelope.fingerprint = x->deps.tokens.fingerprint(scope, x->request.method, path, x->request.body);
  x->request.body = {};  // what waits for an outcome, and there may be thousands, keeps no body
  x->request.sink.reset();
  envelope.principal = x->caller.principal;
  envelope.slot = schema::slot_of_target(sending.target, envelope.command_id, crypto::slot_of);
  if (std::holds_alternative<Stream>(sending.target)) envelope.expected_version = version;
  if (sending.complete) x->held = sending.complete(sending.command, envelope.command_id);
  envelope.target = std::move(sending.target);
  envelope.correlation = x->request.request_id;
  x->deps.dispatcher.send(envelope, sending.command,
                          [x, id = envelope.command_id, of_client = key && key->of_client](api::CommandResult result) {
                            result.repeated = result.repeated && of_client;
                            finish(x, id, std::move(result));
                          });
}

void post_command(const Shared& x, const std::shared_ptr<Making>& making);

void make_again_caught_up(const Shared& x, const std::shared_ptr<Making>& making) {
  if (is_caught_up(*x)) return post_command(x, making);
  look_again(x, [x, making] { make_again_caught_up(x, making); });
}

void make_command(const Shared& x, const std::shared_ptr<Making>& making) {
  const bool was_caught_up = is_caught_up(*x);
  auto sending = making->prepared(x->deps);
  if (!sending) return x->refuse(sending.error());
  if (sending->assumes_absent && !was_caught_up) return make_again_caught_up(x, making);
  send_command(x, std::move(*sending), making->key, making->version);
}

void post_command(const Shared& x, const std::shared_ptr<Making>& making) {
  if (!x->endpoint->spec.hashes) return make_command(x, making);
  if (!x->deps.hashing.try_post([x, making] { guarded(x, [&] { make_command(x, making); }); })) x->refuse(kOverloaded);
}

void run_command(const Shared& x) {
  auto key = idempotency_key(x->request.headers);
  if (!key) return x->refuse(key.error());
  auto version = expected_version(x->request.headers);
  if (!version) return x->refuse(version.error());
  auto prepared = x->endpoint->prepare(x->request, x->caller);
  if (!prepared) return x->refuse(prepared.error());
  post_command(x, std::make_shared<Making>(std::move(*prepared), std::move(*key), *version));
}

// Queries.

void ask(const Exchange& x, Endpoint::Asked& asked, bool pending) {
  auto lease = x.deps.pool.lease(kLeaseWaitMax);
  if (!lease) return x.refuse(lease.error());
  auto body = asked(*lease, x.deps);
  if (!body) return x.refuse(body.error());
  auto response = response_of(x, std::move(*body));
  if (pending) response.headers.set("X-Projection", "pending");
  x.send(std::move(response));
}

void post_query(const Shared& x, Endpoint::Asked asked, bool pending) {
  const auto until = http::Timers::Clock::now() + kQueryWaitMax;
  const bool posted = x->deps.queries.try_post([x, asked = std::move(asked), pending, until]() mutable {
    if (http::Timers::Clock::now() > until) return x->refuse(kOverloaded);
    guarded(x, [&] { ask(*x, asked, pending); });
  });
  if (!posted) x->refuse(kOverloaded);
}

/// A function that calls `done` with what it is given, once; or with nothing when that takes longer.
template <class T>
std::function<void(T)> within(std::chrono::milliseconds wait_max, http::Timers& timers,
                              std::function<void(std::optional<T>)> done) {
  struct Waiting {
    std::function<void(std::optional<T>)> done;
    std::atomic<bool> over = false;
  };
  const auto waiting = std::make_shared<Waiting>(std::move(done));
  const auto finish = [waiting](std::optional<T> value) {
    if (!waiting->over.exchange(true)) waiting->done(std::move(value));
  };
  const auto timer = timers.after(wait_max, [finish] { finish(std::nullopt); });
  return [finish, timer, &timers](T value) {
    timers.cancel(timer);
    finish(std::move(value));
  };
}

/// A query that waits for the positions on which it rests.
struct Resting {
  Endpoint::Question question;
  http::Timers::Clock::time_point until = http::Timers::Clock::now() + kReadAfterWaitMax;
};

bool is_readable(const Claim& claim, const Deps& deps) {
  return deps.progress.checkpoint(static_cast<int>(claim.position.partition)) > claim.position.offset;
}

/// The read model is late for some of the positions: does the log have them?
void look_at_ends(const Shared& x, const std::shared_ptr<Resting>& resting) {
  std::vector<Claim> unread;
  std::ranges::copy_if(resting->question.claims, std::back_inserter(unread),
                       [&](const Claim& claim) { return !is_readable(claim, x->deps); });
  if (unread.empty()) return post_query(x, std::move(resting->question.asked), false);
  const auto decide = within<std::optional<Claim>>(
      kEndWaitMax, x->deps.timers, [x, resting](const std::optional<std::optional<Claim>>& beyond) {
        if (beyond && *beyond)
          return x->refuse(Failure({std::string((*beyond)->field), std::string((*beyond)->issue)}));
        post_query(x, std::move(resting->question.asked), true);
      });
  const auto left = std::make_shared<std::atomic<std::size_t>>(unread.size());
  for (const auto& claim : unread) {
    x->deps.streams.ask_end(static_cast<int>(claim.position.partition), [decide, left, claim](std::int64_t end) {
      if (end <= claim.position.offset) {
        decide(claim);
      } else if (--*left == 0) {
        decide(std::nullopt);
      }
    });
  }
}

void await_claims(const Shared& x, const std::shared_ptr<Resting>& resting) {
  for (const auto& claim : resting->question.claims) {
    if (is_readable(claim, x->deps)) continue;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(resting->until - http::Timers::Clock::now());
    if (left.count() <= 0) return look_at_ends(x, resting);
    const auto go_on = [x, resting](std::optional<bool> readable) {
      readable.value_or(false) ? await_claims(x, resting) : look_at_ends(x, resting);
    };
    return x->deps.progress.when_readable(claim.position, within<bool>(left, x->deps.timers, go_on),
                                          api::Progress::Owed::perhaps);
  }
  post_query(x, std::move(resting->question.asked), false);
}

void run_query(const Shared& x) {
  auto question = x->endpoint->ask(x->request, x->caller, x->deps);
  if (!question) return x->refuse(question.error());
  const auto position = read_after(x->request.headers, x->deps);
  if (!position) return x->refuse(position.error());
  if (*position) question->claims.push_back(**position);
  await_claims(x, std::make_shared<Resting>(std::move(*question)));
}

void run_stream(const Shared& x) {
  Opening client{x->responder, {}, [x](const Error& error) { return x->refusal(error); }};
  allow_origin(client.extra, x->origin());
  const auto opened = x->endpoint->open(x->request, x->caller, x->deps, std::move(client));
  if (!opened) x->refuse(opened.error());
}

void run_reply(const Shared& x) {
  auto body = x->endpoint->reply(x->request, x->caller, x->deps);
  if (!body) return x->refuse(body.error());
  x->send(response_of(*x, std::move(*body)));
}

/// Counts the request, for `scope` or, where that is empty, for its address, and lets every answer say how that stands.
/// False: refused.
bool is_within_limits(const Exchange& x, std::string_view scope) {
  const auto& spec = x.endpoint->spec;
  if (spec.limit == nullptr) return true;
  const auto address = [&] {
    return x.deps.proxies.client_of(x.request.peer_address, x.request.headers.get("X-Forwarded-For"));
  };
  auto standing = x.deps.limits.take(*spec.limit, scope.empty() ? address() : scope);
  if (standing.allowed && spec.address_limit != nullptr) {
    if (const auto all = x.deps.limits.take(*spec.address_limit, address()); !all.allowed) standing = all;
  }
  if (standing.allowed) {
    x.responder.always(limit_headers(standing));
  } else {
    x.refuse(standing);
  }
  return standing.allowed;
}

/// Whether a caller with an API key may ask this endpoint.
bool covers(const Caller& caller, const Spec& spec) {
  return !caller.rights || std::ranges::find(*caller.rights, spec.right) != caller.rights->end();
}

void admit(const Shared& x) {
  const bool was_caught_up = is_caught_up(*x);
  const auto& spec = x->endpoint->spec;
  auto caller = spec.access->admit(x->request, x->deps);
  if (caller && !covers(*caller, spec)) caller = fail(kInsufficientPermissions);
  if (!caller) {
    const bool retry = caller.error().retry_after_catch_up && !was_caught_up;
    if (retry && !is_late(*x)) return look_again(x, [x] { admit(x); });
    if (is_within_limits(*x, {})) x->refuse(retry ? Failure(kUnavailable) : caller.error());
    return;
  }
  if (!is_within_limits(*x, spec.access->personal ? caller->scope : "")) return;
  if (const auto* program = std::get_if<ApiClient>(&caller->principal))
    x->deps.key_uses.note(*program, x->deps.clock());
  x->caller = std::move(*caller);
  if (spec.verify != nullptr) {
    if (const auto verified = spec.verify(x->request, x->deps); !verified) return x->refuse(verified.error());
  }
  switch (x->endpoint->form) {
    case Endpoint::Form::command:
      return run_command(x);
    case Endpoint::Form::query:
      return run_query(x);
    case Endpoint::Form::stream:
    case Endpoint::Form::signal:
      return run_stream(x);
    case Endpoint::Form::reply:
      return run_reply(x);
  }
}

}  // namespace

http::Intake intake(std::shared_ptr<const Endpoint> endpoint, const Deps& deps) {
  if (endpoint->spec.upload == nullptr) return {};
  return [endpoint = std::move(endpoint), &deps](const http::Request& head) -> std::shared_ptr<http::BodySink> {
    // A caller who is refused whatever comes puts nothing on the disk: the handler says it to him.
    const auto caller = endpoint->spec.access->admit(head, deps);
    if (!caller && !caller.error().retry_after_catch_up) return nullptr;
    return upload_sink(*endpoint->spec.upload, deps.uploads, head.headers.get("Content-Type"),
                       head.headers.get("Content-Encoding"));
  };
}

http::Handler handler(std::shared_ptr<const Endpoint> endpoint, const Deps& deps) {
  return [endpoint = std::move(endpoint), &deps](http::Request request, http::Responder responder) {
    if (endpoint->body_schema.empty()) request.body = {};
    if (endpoint->spec.upload != nullptr) request.body = fingerprint_of(request);
    const auto x = std::make_shared<Exchange>(Exchange{endpoint, deps, std::move(request), std::move(responder)});
    guarded(x, [&] { admit(x); });
  };
}

}  // namespace parley::endpoint
