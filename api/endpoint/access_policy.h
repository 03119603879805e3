#pragma once
// Who may call an endpoint. A surface declares its access policies once; an endpoint names one of them.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/endpoint/deps.h"
#include "api/endpoint/failure.h"
#include "api/http/message.h"
#include "domain/accounts/sessions.h"
#include "domain/kernel.h"

namespace parley::endpoint {

/// Somebody who was let in.
struct Caller {
  Principal principal;
  /// Whose idempotency keys these are, so that the same key of somebody else is another key: "account/5127". Empty for
  /// nobody in particular; a command then brings its own (Sending::scope).
  std::string scope;
  std::optional<AccountId> owner = {};            ///< Of a Visitor: whose assistant that is.
  std::optional<accounts::Session> session = {};  ///< Of somebody who has logged in.
  /// Of an ApiClient: what its key is good for. Whatever else an endpoint is for, it is refused (Spec::right). Nothing:
  /// no such bounds.
  std::optional<std::vector<std::string>> rights = {};
};

/// How a credential is sent, as OpenAPI describes it.
struct SecurityScheme {
  enum class Kind { bearer, header, query };
  std::string_view name;
  Kind kind{};
  std::string_view parameter;  ///< The header's or parameter's name; of a bearer token: its format.
  std::string_view description;
};

/// Constants of the program.
struct AccessPolicy {
  /// Runs before anything else of the request is looked at, on an I/O or timer thread; must not block. Called again for
  /// a while when the API process may not have caught up yet (Failure::retry_after_catch_up).
  Result<Caller> (*admit)(const http::Request&, const Deps&);
  std::vector<Code> refusals;  ///< What admit() may answer.
  std::vector<std::vector<const SecurityScheme*>>
      security;                             ///< Alternatives, each of which is one or several credentials together.
  const SecurityScheme* api_key = nullptr;  ///< How an ApiClient comes in, where the endpoint has a scope.
  bool cross_origin = false;  ///< Pages of other origins may ask (CORS). Credentials are never ambient (no cookies), so
                              ///< any origin may try.
  bool personal = false;  ///< A caller's scope is his alone, and limits count by it. Otherwise he is nobody, or one of
                          ///< many with a token: by address.
};

}  // namespace parley::endpoint
