#include "api/auth/api_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/crypto/crypto.h"

namespace parley::api {

std::string new_api_key() {
  return std::string(kApiKeyMark) + crypto::base64url(crypto::random_bytes(kApiKeyRandomBytes));
}

bool is_api_key(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return text.starts_with(kApiKeyMark) && text.size() == kApiKeyMark.size() + kApiKeyRandomCharacters &&
         std::ranges::all_of(text.substr(kApiKeyMark.size()), fits);
}

std::string api_key_digest(std::string_view key, const crypto::Keyring& keys, const accounts::Realm& realm) {
  const auto mac = keys.mac(crypto::Purpose::unique_index, fmt::format("{} {}", realm.qualify("api_key"), key));
  return realm.qualify(crypto::hex(mac));
}

std::string_view api_key_hint(std::string_view key) {
  return key.substr(key.size() - std::min(key.size(), kApiKeyHintSize));
}

}  // namespace parley::api
