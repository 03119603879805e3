#pragma once
// Endpoints, each declared once. From a declaration come its route, parsing, validation with precise errors,
// authentication, idempotency, the answer and its headers, and its part of the OpenAPI document.
//
//   registry.command({.method = "POST", .path = "/api/dialogs/{dialog_id}/messages", .access = &kOwner, .status = 201,
//                     .operation = "postMessage", .summary = "Send a message as an operator", .errors =
//                     {dialogs::kDialogNotFound}},
//                    post_message, posted_message);
#include <concepts>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/endpoint/access_policy.h"
#include "api/endpoint/answers.h"
#include "api/endpoint/bodies.h"
#include "api/endpoint/deps.h"
#include "api/endpoint/failure.h"
#include "api/endpoint/parameters.h"
#include "api/endpoint/surface.h"
#include "api/endpoint/upload.h"
#include "api/http/responder.h"
#include "api/http/routes.h"
#include "api/limits/limit.h"
#include "domain/model.h"
#include "platform/postgres/pool.h"
#include "schemas/commands.h"
#include "schemas/fields.h"
#include "schemas/replies.h"

namespace parley::endpoint {

/// What one answer of a list holds at most: it ends before a row with which it would have more bytes of rows, unless
/// that is its first one.
struct PageBounds {
  std::int64_t rows_max = 0;
  std::int64_t bytes_max = 0;
};
/// What a client may send by habit ("{}") where nothing reads it.
inline constexpr std::size_t kUnreadBodyBytesMax = 16 << 10;

/// What an endpoint says of itself. Errors that its form implies (a malformed body, an overload, what the access policy
/// refuses, ...) are not named again.
struct Spec {
  std::string_view method;
  std::string path;  ///< "/api/dialogs/{dialog_id}"; the registry's prefix comes before it.
  const AccessPolicy* access = nullptr;
  std::string_view right{};  ///< What an API key must be good for; empty: keys are refused, whatever they are good for.
  int status = 200;          ///< Of success.
  std::string_view operation;  ///< OpenAPI's operationId, unique.
  std::string_view summary;
  std::string_view description{};
  std::vector<Code> errors{};
  /// How often each caller may ask, by AccessPolicy::personal; and everybody from one address together, where that too
  /// is bounded. Where it says nothing: Info::limit. Requests whose caller was refused count for their address.
  const limits::Limit* limit = nullptr;
  const limits::Limit* address_limit = nullptr;
  std::optional<PageBounds> page{};  ///< Of a list; every list has them.
  /// Of a request's body: a larger one is refused by the length that it is announced with, before it is read. An
  /// endpoint without a login says how much its largest legal request needs; of one that reads no body it is
  /// kUnreadBodyBytesMax.
  std::size_t body_bytes_max = http::RequestLimits{}.body_bytes_max;
  bool hashes = false;  ///< A command whose making takes long (Argon2id): it is made on Deps::hashing.
  bool single = false;  ///< A command whose answer is one thing as it is now: its version is the answer's ETag.
  /// Of a RawBody: whether the request comes from who may send it. Asked after the access policy and the limits, before
  /// anything of the request is read; on an I/O or timer thread, must not block. Secrets and signatures are compared
  /// with crypto::equal.
  Result<void> (*verify)(const http::Request&, const Deps&) = nullptr;
  std::vector<const RedirectTarget*> redirects{};  ///< Where a Redirect may go.
  const UploadBounds* upload = nullptr;            ///< Of an Upload; they say body_bytes_max too.
  std::string_view media_type{};  ///< Of a File, or of a RawBody, for the document: "image/*". Empty: any.
};

/// A request whose every part was read and whose caller was let in.
template <class Parameters, class Body = Nothing>
struct Call {
  Parameters parameters;
  Body body;
  Caller caller;
};

/// A command on its way: what to send, and where to.
struct Sending {
  schema::Target target;
  Command command;
  std::string scope{};  ///< Replaces Caller::scope where the access policy knows nobody.
  /// Made on the assumption that something does not exist, because the directory has not heard of it: made again before
  /// it is sent, once the directory is complete as of the request.
  bool assumes_absent = false;
  /// Where given, called once, when the command has its id and is about to be sent: may still change it. What it
  /// returns is kept until the request is answered.
  std::function<std::shared_ptr<const void>(Command&, const std::string& command_id)> complete{};
};

/// A position of the log that a query rests on, by a part of the request. The query waits for the read model to reach
/// it; when the log itself turns out not to have reached it, that part is not valid, by that issue.
struct Claim {
  schema::Position position;
  std::string_view field;
  std::string_view issue;
};

/// A decision, for those who make an answer of it.
struct Decided {
  const schema::Outcome& outcome;
  const Caller& caller;
  const Deps& deps;
};

/// The client of a stream, waiting for its head; or of a signal, waiting for its answer.
struct Opening {
  http::Responder responder;
  http::Headers extra;  ///< For the stream's head.
  std::function<http::Response(const Error&)>
      error;  ///< What to answer instead, in the client's language. Thread-safe.
};

/// The alternative of an answer that a command of ours leads to; any other is a broken invariant.
template <class A>
const A& alternative(const Answer& answer) {
  const auto* found = answer.alternative<A>();
  if (found == nullptr) throw std::logic_error("a command was given another command's answer");
  return *found;
}

/// A declared endpoint without its types; what is described is described as JSON.
struct Endpoint {
  const Surface* surface = nullptr;
  Spec spec;
  std::string path;  ///< With the prefix.
  enum class Form { command, query, stream, signal, reply } form{};
  std::vector<DescribedParameter> parameters;
  std::string_view body_type{};  ///< As Content-Type has it.
  std::string body_schema;       ///< Empty: no body is read.
  bool body_required = false;
  schema::Components body_components{.of_requests = true};
  std::string_view answer_type{};
  std::string answer_schema;  ///< Empty: the answer has no body.
  bool is_paged = false;      ///< The answer may have an X-Next-Cursor.
  bool is_file = false;       ///< The answer may be a part of it.
  schema::Components answer_components;

  // One of each form. The first step reads the request, the second does the work; what they throw becomes a generic
  // 500.
  using Prepared = std::move_only_function<Result<Sending>(const Deps&)>;
  using Asked = std::move_only_function<Result<Body>(postgres::Lease&, const Deps&)>;
  struct Question {
    Asked asked;
    std::vector<Claim> claims;
  };
  std::function<Result<Prepared>(const http::Request&, const Caller&)> prepare;
  std::function<Body(const Answer&, const Decided&)> present;
  std::function<bool(const Answer&, const Decided&)> settled;
  std::function<Result<Question>(const http::Request&, const Caller&, const Deps&)> ask;
  std::function<Result<void>(const http::Request&, const Caller&, const Deps&, Opening)> open;
  std::function<Result<Body>(const http::Request&, const Caller&, const Deps&)> reply;
};

/// A surface's endpoints. Built before serving by one thread; what mount() makes of it is immutable and thread-safe.
class Registry {
 public:
  /// Everything that the surface declares, which must outlive this. `prefix` ("/replyx" or nothing) comes before every
  /// path.
  explicit Registry(const Surface& surface, std::string prefix = {}) : surface_(&surface), prefix_(std::move(prefix)) {
    surface.declare(*this);
  }

  /// A command: `to` makes it of the request, `from` makes the body of the answer of the decision; Nothing is no body
  /// (status 204). `settled`, where given, says of the answer (and of the Decided, or the Deps) whether what the API
  /// itself must know of the decision has arrived; the answer waits for it (kSettleWaitMax), so that the client's next
  /// request is not refused. `first`, where given, runs once before `to`, which may be asked again when what it knew
  /// was old: there a request counts.
  template <class P, class B, class A, class Out, class Settled = std::nullptr_t>
  void command(Spec spec, Result<Sending> (*to)(const Call<P, B>&, const Deps&), Out (*from)(const A&, const Decided&),
               Settled settled = nullptr,
               Result<void> (*first)(const std::type_identity_t<Call<P, B>>&, const Deps&) = nullptr) {
    Endpoint e = described<P, B, Out>(std::move(spec), Endpoint::Form::command);
    e.prepare = [to, first](const http::Request& request, const Caller& caller) -> Result<Endpoint::Prepared> {
      auto call = read_call<P, B>(request, caller);
      if (!call) return fail(std::move(call.error()));
      return Endpoint::Prepared([to, first, call = std::move(*call)](const Deps& deps) mutable -> Result<Sending> {
        if (const auto once = std::exchange(first, nullptr)) {
          if (auto passed = once(call, deps); !passed) return fail(std::move(passed.error()));
        }
        return to(call, deps);
      });
    };
    e.present = [from](const Answer& answer, const Decided& decided) {
      return AnswerCodec<Out>::body(from(alternative<A>(answer), decided));
    };
    if constexpr (std::is_invocable_r_v<bool, Settled, const A&, const Decided&>) {
      e.settled = [settled](const Answer& answer, const Decided& decided) {
        return settled(alternative<A>(answer), decided);
      };
    } else if constexpr (!std::same_as<Settled, std::nullptr_t>) {
      e.settled = [settled](const Answer& answer, const Decided& decided) {
        return settled(alternative<A>(answer), decided.deps);
      };
    }
    endpoints_.push_back(std::move(e));
  }

  /// A question to the read models, asked on Deps::queries with a connection of the pool. `claims`, where given, names
  /// the positions that it rests on.
  template <class P, class Out>
  void query(Spec spec, Result<Out> (*run)(const Call<P>&, postgres::Lease&, const Deps&),
             std::vector<Claim> (*claims)(const std::type_identity_t<Call<P>>&, const Deps&) = nullptr) {
    spec.single = AnswerCodec<Out>::kVersioned;
    Endpoint e = described<P, Nothing, Out>(std::move(spec), Endpoint::Form::query);
    e.is_paged = AnswerCodec<Out>::kPaged;
    e.ask = [run, claims](const http::Request& request, const Caller& caller,
                          const Deps& deps) -> Result<Endpoint::Question> {
      auto call = read_call<P, Nothing>(request, caller);
      if (!call) return fail(std::move(call.error()));
      Endpoint::Question question;
      if (claims != nullptr) question.claims = claims(*call, deps);
      question.asked = [run, call = std::move(*call)](postgres::Lease& lease, const Deps& with) -> Result<Body> {
        auto out = run(call, lease, with);
        if (!out) return fail(std::move(out.error()));
        return AnswerCodec<Out>::body(std::move(*out));
      };
      return question;
    };
    endpoints_.push_back(std::move(e));
  }

  /// A stream of server-sent events. Unless `open` fails, it has taken the client over.
  template <class P>
  void stream(Spec spec, Result<void> (*open)(const Call<P>&, const Deps&, Opening)) {
    Endpoint e = described<P, Nothing, Nothing>(std::move(spec), Endpoint::Form::stream);
    e.open = [open](const http::Request& request, const Caller& caller, const Deps& deps,
                    Opening client) -> Result<void> {
      auto call = read_call<P, Nothing>(request, caller);
      if (!call) return fail(std::move(call.error()));
      return open(*call, deps, std::move(client));
    };
    endpoints_.push_back(std::move(e));
  }

  /// Something that is passed on and not kept (status 204). Unless `pass` fails, it has taken the client over, and
  /// answers it.
  template <class P, class B>
  void signal(Spec spec, Result<void> (*pass)(const Call<P, B>&, const Deps&, Opening)) {
    Endpoint e = described<P, B, Nothing>(std::move(spec), Endpoint::Form::signal);
    e.open = [pass](const http::Request& request, const Caller& caller, const Deps& deps,
                    Opening client) -> Result<void> {
      auto call = read_call<P, B>(request, caller);
      if (!call) return fail(std::move(call.error()));
      return pass(*call, deps, std::move(client));
    };
    endpoints_.push_back(std::move(e));
  }

  /// Answered at once, from the request and what the process knows, without the read models and the log: a redirect, a
  /// file of its own, a webhook that is only verified. Runs on an I/O or timer thread and must not block.
  template <class P, class B, class Out>
  void reply(Spec spec, Result<Out> (*run)(const Call<P, B>&, const Deps&)) {
    Endpoint e = described<P, B, Out>(std::move(spec), Endpoint::Form::reply);
    e.reply = [run](const http::Request& request, const Caller& caller, const Deps& deps) -> Result<Body> {
      const auto call = read_call<P, B>(request, caller);
      if (!call) return fail(call.error());
      auto out = run(*call, deps);
      if (!out) return fail(std::move(out.error()));
      return AnswerCodec<Out>::body(std::move(*out));
    };
    endpoints_.push_back(std::move(e));
  }

  /// OpenAPI 3.1, as JSON. Throws std::invalid_argument for an endpoint that no tag covers, and for two types of one
  /// name.
  std::string openapi() const;
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  const Surface& surface() const { return *surface_; }
  const std::string& prefix() const { return prefix_; }

  /// The paths that pages of other origins may ask, each with its methods as a preflight lists them.
  std::map<std::string, std::string, std::less<>> cross_origin_paths() const;
  /// The header fields that they may send, as a preflight lists them: those that every endpoint reads, and those in
  /// which access policies take credentials.
  std::string cross_origin_headers() const;

  /// Adds every endpoint, its preflights, and GET /openapi.json. `deps` must outlive the routes. Throws
  /// std::invalid_argument for what is declared twice, and for a limit that Deps::limits lacks.
  void mount(http::Routes& routes, const Deps& deps) const;

 private:
  template <class P, class B, class Out>
  Endpoint described(Spec spec, Endpoint::Form form) const {
    Endpoint e;
    e.surface = surface_;
    e.path = prefix_ + spec.path;
    e.spec = std::move(spec);
    if (e.spec.limit == nullptr) e.spec.limit = surface_->info.limit;
    e.form = form;
    e.parameters = described_parameters<P>();
    if constexpr (!std::same_as<B, Nothing>) {
      e.body_type = BodyCodec<B>::kMediaType;
      e.body_schema = BodyCodec<B>::schema(e.body_components);
      e.body_required = BodyCodec<B>::required();
    } else {
      e.spec.body_bytes_max = kUnreadBodyBytesMax;
    }
    if (std::same_as<B, RawBody> && !e.spec.media_type.empty()) e.body_type = e.spec.media_type;
    e.is_file = AnswerCodec<Out>::kIsFile;
    e.answer_type = e.is_file && !e.spec.media_type.empty() ? e.spec.media_type : AnswerCodec<Out>::kMediaType;
    e.answer_schema = AnswerCodec<Out>::schema(e.answer_components);
    if (AnswerCodec<Out>::kIsList && e.spec.page)
      e.answer_schema.insert(e.answer_schema.size() - 1, ",\"maxItems\":" + std::to_string(e.spec.page->rows_max));
    check(e.spec, {std::same_as<B, RawBody>, is_upload<B>, std::same_as<Out, Redirect>});
    if constexpr (is_upload<B>) {
      e.spec.body_bytes_max = e.spec.upload->body_bytes_max();
      e.body_schema = upload_schema(*e.spec.upload, e.body_schema);
    }
    return e;
  }
  struct Kind {
    bool is_raw = false;
    bool is_upload = false;
    bool redirects = false;
  };
  /// Throws std::invalid_argument for a declaration that contradicts itself.
  static void check(const Spec& spec, const Kind& kind);
  template <class P, class B>
  static Result<Call<P, B>> read_call(const http::Request& request, const Caller& caller) {
    auto parameters = read_parameters<P>(request);
    if (!parameters) return fail(std::move(parameters.error()));
    auto body = BodyCodec<B>::read(request);
    if (!body) return fail(std::move(body.error()));
    return Call<P, B>{std::move(*parameters), std::move(*body), caller};
  }

  const Surface* surface_;
  std::string prefix_;
  std::vector<Endpoint> endpoints_;
};

}  // namespace parley::endpoint
