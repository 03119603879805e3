#pragma once
// A surface: one product's HTTP contract, as an object. The API process mounts a list of them (api/server/surfaces.h).
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/endpoint/failure.h"
#include "api/limits/limit.h"
#include "api/streams/views.h"
#include "domain/accounts/realm.h"

namespace parley::endpoint {

class Registry;

/// A chapter of the OpenAPI document: the endpoints whose paths begin so, unless a longer one covers them.
struct Tag {
  std::string_view name;
  std::string_view path;  ///< Without the surface's prefix.
  std::string_view description;
};
/// What the OpenAPI document says of the surface as a whole.
struct Info {
  std::string title;
  std::string version;
  std::string description;
  std::vector<Tag> tags;                 ///< In their order.
  const limits::Limit* limit = nullptr;  ///< Of every endpoint that names none.
};

/// Immutable, and lives as long as the program; thread-safe.
struct Surface {
  std::string_view name;  ///< In settings and logs; never renamed once released.
  accounts::Realm realm;  ///< Whose accounts, e-mails, tokens and keys these are.
  Info info;
  std::span<const limits::Limit* const> limits;  ///< Every limit that its endpoints name.
  ErrorForm errors;
  api::EventViews events;
  void (*declare)(Registry&){};  ///< Declares its endpoints.
};

}  // namespace parley::endpoint
