#pragma once
// API keys, as programs present them: text that nobody can guess, with a form by which tools that look for leaked
// secrets know it. Thread-safe.
#include <cstddef>
#include <string>
#include <string_view>

#include "domain/accounts/realm.h"
#include "platform/crypto/keyring.h"

namespace parley::api {

/// "prl_" and 43 characters of A-Za-z0-9_-, which are 32 random bytes.
inline constexpr std::string_view kApiKeyMark = "prl_";
inline constexpr std::size_t kApiKeyRandomBytes = 32;
inline constexpr std::size_t kApiKeyRandomCharacters = 43;
inline constexpr std::size_t kApiKeyHintSize = 4;

std::string new_api_key();
/// Whether it has the form of one.
bool is_api_key(std::string_view text);
/// Under which the directory has a key of the realm, hexadecimal: HMAC under a server key, so that a digest tells
/// nothing to those who read the log, and nobody who can only write to it makes a key of their own.
std::string api_key_digest(std::string_view key, const crypto::Keyring& keys, const accounts::Realm& realm);
/// Its last characters, by which people tell their keys apart.
std::string_view api_key_hint(std::string_view key);

}  // namespace parley::api
