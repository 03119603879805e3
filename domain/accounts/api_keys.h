#pragma once
// API keys of an owner's account: what programs of the owner's may ask with. The key itself is in no event and no
// state, but a digest of it: it has 256 random bits that nobody can try, so that a digest which takes long to make (as
// a password's does) would protect nothing more and cost each request.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "domain/kernel.h"

namespace parley::accounts {

/// Keys that one account has at a time.
inline constexpr std::size_t kApiKeysMax = 20;
/// The last use of a key is known to within this: the first one in each such part of the day is remembered, the others
/// are not.
using UsePeriod = std::chrono::hours;

/// What a key is good for, as the API that takes the key calls it: "dialogs:read". It is kept here, and asked of a
/// request there.
struct Scope {
  std::string name;
  friend bool operator==(const Scope&, const Scope&) = default;
};

// Events.

struct ApiKeyCreated {
  ApiKeyId key;
  std::string name;
  std::vector<Scope> scopes;
  std::string digest;  ///< HMAC of the key under a server key.
  std::string hint;    ///< Its last characters, for people.
  friend bool operator==(const ApiKeyCreated&, const ApiKeyCreated&) = default;
};
/// It opens nothing any more.
struct ApiKeyRevoked {
  ApiKeyId key;
  friend bool operator==(const ApiKeyRevoked&, const ApiKeyRevoked&) = default;
};
/// For the first time in this UsePeriod.
struct ApiKeyUsed {
  ApiKeyId key;
  friend bool operator==(const ApiKeyUsed&, const ApiKeyUsed&) = default;
};

// Commands. The first two are sent by the Owner itself; the third by an ApiClient, about its own key.

struct CreateApiKey {
  std::string name;
  std::vector<Scope> scopes;
  std::string digest;
  std::string hint;
  Sealed key;  ///< For the answer alone, which may be asked for again.
};
struct RevokeApiKey {
  ApiKeyId key;
};
struct NoteApiKeyUse {};
using ApiKeyCommand = std::variant<CreateApiKey, RevokeApiKey, NoteApiKeyUse>;

// Answers.

struct NewApiKey {
  ApiKeyId id;
  std::string name;
  std::vector<Scope> scopes;
  std::string hint;
  Sealed key;
  friend bool operator==(const NewApiKey&, const NewApiKey&) = default;
};
struct EndedApiKey {
  ApiKeyId id;
  friend bool operator==(const EndedApiKey&, const EndedApiKey&) = default;
};

// Refusals.

/// There is no such key, or none any more.
inline constexpr Code kApiKeyNotFound{"API_KEY_NOT_FOUND"};
/// The account has kApiKeysMax of them.
inline constexpr Code kApiKeyLimitReached{"API_KEY_LIMIT_REACHED"};

// State.

/// A key that is good.
struct ApiKey {
  ApiKeyId id;
  std::vector<Scope> scopes;
  std::string digest;
  std::optional<Timestamp> last_used_at;
  friend bool operator==(const ApiKey&, const ApiKey&) = default;

  /// Whether a use at that time has to be remembered.
  bool is_news(Timestamp use) const;
};

/// A value: deciders fold it.
struct ApiKeys {
  std::vector<ApiKey> keys;  ///< Oldest first.

  const ApiKey* find(ApiKeyId id) const;
  struct Created {
    ApiKeyCreated event;
    NewApiKey answer;
  };
  /// Refused with kApiKeyLimitReached when there are kApiKeysMax.
  std::expected<Created, Error> create(const CreateApiKey& command, Context& context) const;

  void add(const ApiKeyCreated& event);
  void remove(ApiKeyId id);
  void use(ApiKeyId id, Timestamp time);

  friend bool operator==(const ApiKeys&, const ApiKeys&) = default;
};
struct KeyRing {
  ApiKeys api_keys;
  friend bool operator==(const KeyRing&, const KeyRing&) = default;
};

}  // namespace parley::accounts
