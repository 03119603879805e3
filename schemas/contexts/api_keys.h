#pragma once
// API keys on the wire: events, commands, and what the directory says of them. Names and fields are never edited after
// release: a changed event is a new type (.v2) with an upcaster.
#include <string>
#include <vector>

#include "domain/accounts/api_keys.h"
#include "schemas/contexts/words.h"
#include "schemas/fields.h"

namespace parley::schema {

/// Any name is read; the released type of event promises these.
template <>
struct Codec<accounts::Scope> : TextCodec<accounts::Scope, &accounts::Scope::name> {
  static void schema(json::Writer& w, const Limits&) {
    w.key("type");
    w.string("string");
    w.key("enum");
    w.begin_array();
    for (const auto* name : {"assistants:read", "assistants:write", "dialogs:read", "dialogs:write"}) w.string(name);
    w.end_array();
  }
};

// Events.

template <>
inline constexpr auto wire<accounts::ApiKeyCreated> = event_type<accounts::ApiKeyCreated>(
    "parley.account.api_key_created.v1", "An owner created an API key for a program",
    [](const auto& e, const auto& t) {
      std::string scopes;
      for (const auto& scope : e.scopes) scopes.append(scopes.empty() ? "" : ", ").append(scope.name);
      return by(t) + " creates the API key " + std::to_string(e.key.value) + " \"" + e.name + "\" (" + scopes + ")";
    },
    field("key_id", &accounts::ApiKeyCreated::key, {},
          "The key's id, as the actor `api_key/<key_id>/<account>` names it"),
    field("name", &accounts::ApiKeyCreated::name),
    field("scopes", &accounts::ApiKeyCreated::scopes, {},
          "`assistants:read`, `assistants:write`, `dialogs:read`, `dialogs:write`"),
    field("digest", &accounts::ApiKeyCreated::digest, {},
          "HMAC of the key under a server key; the key itself is not stored"),
    field("hint", &accounts::ApiKeyCreated::hint, {}, "The key's last characters"));
template <>
inline constexpr auto wire<accounts::ApiKeyRevoked> = event_type<accounts::ApiKeyRevoked>(
    "parley.account.api_key_revoked.v1", "An API key was revoked; it is not valid any more",
    [](const auto& e, const auto& t) { return by(t) + " revokes the API key " + std::to_string(e.key.value); },
    field("key_id", &accounts::ApiKeyRevoked::key));
template <>
inline constexpr auto wire<accounts::ApiKeyUsed> = event_type<accounts::ApiKeyUsed>(
    "parley.account.api_key_used.v1", "An API key was used for the first time in this hour (UTC)",
    [](const auto& e, const auto&) { return "the API key " + std::to_string(e.key.value) + " is used"; },
    field("key_id", &accounts::ApiKeyUsed::key));

// Commands.

template <>
inline constexpr auto wire<accounts::CreateApiKey> =
    named_type("parley.account.create_api_key.v1", field("name", &accounts::CreateApiKey::name),
               field("scopes", &accounts::CreateApiKey::scopes), field("digest", &accounts::CreateApiKey::digest),
               field("hint", &accounts::CreateApiKey::hint), field("key", &accounts::CreateApiKey::key));
template <>
inline constexpr auto wire<accounts::RevokeApiKey> =
    named_type("parley.account.revoke_api_key.v1", field("key_id", &accounts::RevokeApiKey::key));
template <>
inline constexpr auto wire<accounts::NoteApiKeyUse> = named_type("parley.account.note_api_key_use.v1");

// Entries of the directory.

/// Under "api_key/<digest of the key>": who has it, and what for.
struct ApiKeyEntry {
  AccountId account;
  ApiKeyId key;
  std::vector<accounts::Scope> scopes;
};
template <>
inline constexpr auto fields<ApiKeyEntry> =
    std::tuple{field("account_id", &ApiKeyEntry::account), field("key_id", &ApiKeyEntry::key),
               field("scopes", &ApiKeyEntry::scopes, {}, "What the key is good for")};

inline constexpr std::string_view kApiKeyPrefix = "api_key/";

}  // namespace parley::schema
