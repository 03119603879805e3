#include "api/http/kernel.h"

#include <stdexcept>
#include <utility>
#include <vector>

#include "api/http/url.h"

namespace parley::http {
namespace {

std::string request_id_of(const RequestHead& head) {
  const std::string_view given = head.headers.get("x-request-id");
  return is_well_formed_request_id(given) ? std::string(given) : new_request_id();
}

std::string_view pattern_of(const Routes::Match& match) {
  return match.path == nullptr ? std::string_view{} : Routes::pattern(*match.path);
}
std::string unknown_path(const Routes::Match& match, std::string_view path) {
  return match.path == nullptr ? std::string(path) : std::string();
}
/// Null where there is none for the method.
const Routes::Endpoint* endpoint_of(const Routes::Match& match, std::string_view method) {
  if (match.path == nullptr) return nullptr;
  const auto* endpoint = Routes::endpoint(*match.path, method);
  return endpoint == nullptr && method == "HEAD" ? Routes::endpoint(*match.path, "GET") : endpoint;
}

Parameters path_parameters(const Routes::Endpoint& endpoint, const Routes::Match& match) {
  std::vector<Parameters::Item> parameters;
  for (std::size_t i = 0; i < match.segments.size(); ++i) {
    parameters.emplace_back(endpoint.parameter_names[i],
                            percent_decode(match.segments[i], Plus::literal).value());  // normalised: it has no fault
  }
  return Parameters(std::move(parameters));
}

}  // namespace

Kernel::Kernel(ServerOptions options, Routes routes, Hooks hooks)
    : connections_max(options.limits.connections_max),
      options_(std::move(options)),
      routes_(std::move(routes)),
      hooks_(std::move(hooks)),
      environment_(std::make_shared<Connection::Environment>(
          std::make_shared<OutputLoop>(), std::make_shared<Counters>(), options_.limits, options_.timeouts,
          std::make_shared<ByteBudget>(options_.limits.input_bytes_max))) {
  if (!hooks_.error) throw std::invalid_argument("Hooks::error is required");
}

std::optional<Refusal> Kernel::refusal_of_body(const RequestHead& head) const {
  const auto* endpoint = endpoint_of(routes_.match(head.path), head.method);
  if (endpoint == nullptr || head.content_length <= endpoint->body_bytes_max) return std::nullopt;
  return body_too_large(endpoint->body_bytes_max);
}

BodyPlan Kernel::plan_of_body(const Connection& connection, const RequestHead& head) const {
  const auto match = routes_.match(head.path);
  const auto* endpoint = endpoint_of(match, head.method);
  if (endpoint == nullptr || !endpoint->intake) return IntoMemory{};
  if (head.content_length > endpoint->body_bytes_max) return body_too_large(endpoint->body_bytes_max);
  auto query = parse_query(head.query);
  if (!query) return IntoSink{};
  return IntoSink{endpoint->intake(Request{.method = head.method,
                                           .route = endpoint->pattern,
                                           .path = path_parameters(*endpoint, match),
                                           .query = std::move(*query),
                                           .headers = head.headers,
                                           .body = {},
                                           .peer_address = connection.peer_address(),
                                           .request_id = request_id_of(head),
                                           .received_at = std::chrono::system_clock::now()})};
}

void Kernel::dispatch(const std::shared_ptr<Connection>& connection, RequestHead head, std::string_view path,
                      std::string body, std::shared_ptr<BodySink> sink, ByteBudget::Share share) {
  const Routes::Match match = routes_.match(path);
  const bool is_head = head.method == "HEAD";
  const Routes::Endpoint* endpoint = endpoint_of(match, head.method);
  const auto exchange =
      std::make_shared<Exchange>(shared_from_this(), connection,
                                 Exchange::Origin{.request_id = request_id_of(head),
                                                  .method = head.method,
                                                  .route = endpoint == nullptr ? std::string{} : endpoint->pattern,
                                                  .accept_language = std::string(head.headers.get("accept-language")),
                                                  .page = std::string(head.headers.get("origin")),
                                                  .path_pattern = pattern_of(match),
                                                  .unknown_path = unknown_path(match, path),
                                                  .head_only = is_head,
                                                  .http10 = head.http10,
                                                  .keep_alive = head.keep_alive});
  if (match.path == nullptr) {
    exchange->send_error({404, "NOT_FOUND"});
    return;
  }
  if (endpoint == nullptr) {
    const Headers allow{{"Allow", Routes::allow(*match.path)}};
    if (head.method == "OPTIONS") {
      exchange->send({.status = 204, .headers = allow, .body = {}});
    } else {
      exchange->send_error({405, "METHOD_NOT_ALLOWED"}, allow);
    }
    return;
  }

  // A preflight is answered whatever its query says: the page then reads what is wrong with the request itself.
  auto query = parse_query(head.method == "OPTIONS" ? std::string_view{} : std::string_view(head.query));
  if (!query) {
    exchange->send_error(query.error());
    return;
  }
  if (body.size() > endpoint->body_bytes_max) {
    exchange->send_error(body_too_large(endpoint->body_bytes_max));
    return;
  }

  ++counters().requests;
  const Responder responder(exchange);
  try {
    endpoint->handler(Request{.method = is_head ? "GET" : std::move(head.method),
                              .route = endpoint->pattern,
                              .path = path_parameters(*endpoint, match),
                              .query = std::move(*query),
                              .headers = std::move(head.headers),
                              .body = std::move(body),
                              .peer_address = connection->peer_address(),
                              .request_id = exchange->request_id(),
                              .received_at = std::chrono::system_clock::now(),
                              .sink = std::move(sink),
                              .share = std::move(share)},
                      responder);
  } catch (...) {
    responder.fail();
  }
}

void Kernel::refuse(const std::shared_ptr<Connection>& connection, const RequestHead& head, const Refusal& refusal) {
  const Routes::Match match = routes_.match(head.path);
  ++(refusal.status == 408          ? counters().timed_out
     : refusal.code == "OVERLOADED" ? counters().overloaded
                                    : counters().rejected_inputs);
  Exchange(shared_from_this(), connection,
           {.request_id = request_id_of(head),
            .method = head.method,
            .route = {},
            .accept_language = std::string(head.headers.get("accept-language")),
            .page = std::string(head.headers.get("origin")),
            .path_pattern = pattern_of(match),
            .unknown_path = unknown_path(match, head.path),
            .head_only = head.method == "HEAD",
            .http10 = head.http10,
            .keep_alive = false})
      .send_error(refusal);
}

Response Kernel::error(const KernelError& error) const { return hooks_.error(error); }

void Kernel::report(const Answered& answered) const {
  try {
    if (hooks_.answered) hooks_.answered(answered);
  } catch (...) {  // the answer is out: a log line that fails must not undo it
  }
}

void Kernel::report_failure(const Failure& failure) const {
  ++counters().failures;
  try {
    if (hooks_.failed) hooks_.failed(failure);
  } catch (...) {  // the client still gets its 500
  }
}

}  // namespace parley::http
