#include "platform/crypto/signing.h"

#include <fmt/format.h>
#include <sodium.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "platform/crypto/crypto.h"
#include "platform/crypto/secret_file.h"

namespace parley::crypto {
namespace {

constexpr std::size_t kIdBytes = 8;

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string id_of(std::string_view public_half) {
  return hex(std::string_view(sha256(public_half)).substr(0, kIdBytes));
}

struct Pair {
  std::string secret = std::string(crypto_sign_SECRETKEYBYTES, '\0');
  std::string public_half = std::string(crypto_sign_PUBLICKEYBYTES, '\0');
};
Pair pair_of(std::string_view seed) {
  Pair pair;
  crypto_sign_seed_keypair(bytes_of(pair.public_half), bytes_of(pair.secret), bytes_of(seed));
  return pair;
}

}  // namespace

std::expected<void, std::string> SigningKey::create_if_missing(const std::string& path) {
  const auto seed = random_bytes(crypto_sign_SEEDBYTES);
  const auto made = create_secret_file(path, fmt::format("{} {}\n", id_of(pair_of(seed).public_half), base64url(seed)));
  if (!made) return std::unexpected(made.error());
  const auto key = load(path);
  if (!key) return std::unexpected(key.error());
  // Written each time: it follows from the secret, and may have been lost.
  std::ofstream file(path + ".pub", std::ios::trunc);
  file << key->id() << " " << base64url(key->public_half()) << "\n";
  if (!file.flush()) return std::unexpected(path + ".pub: " + std::strerror(errno));
  return {};
}

std::expected<SigningKey, std::string> SigningKey::load(const std::string& path) {
  auto line = read_key_line(path);
  if (!line) return std::unexpected(std::move(line.error()));
  const auto seed = unbase64url(line->key);
  if (!seed || seed->size() != crypto_sign_SEEDBYTES)
    return std::unexpected(path + ": the key must be 32 bytes in base64url");
  auto pair = pair_of(*seed);
  if (line->id != id_of(pair.public_half)) return std::unexpected(path + ": the key's id is another key's");
  return SigningKey(std::move(line->id), std::move(pair.secret), std::move(pair.public_half));
}

std::string SigningKey::sign(std::string_view text) const {
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(bytes_of(signature), nullptr, bytes_of(text), text.size(), bytes_of(std::string_view(secret_)));
  return signature;
}

std::expected<PublicKeys, std::string> PublicKeys::load(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::unexpected(path + ": " + std::strerror(errno));
  PublicKeys out;
  for (std::string id, key; file >> id;) {
    file >> key;
    auto public_half = unbase64url(key);
    if (!public_half || public_half->size() != crypto_sign_PUBLICKEYBYTES || id != id_of(*public_half)) {
      return std::unexpected(path + ": each line must be a key's id and its 32 public bytes in base64url");
    }
    out.keys_.insert_or_assign(std::move(id), std::move(*public_half));
  }
  if (out.keys_.empty()) return std::unexpected(path + ": holds no key");
  return out;
}

bool PublicKeys::verify(std::string_view id, std::string_view text, std::string_view signature) const {
  const auto key = keys_.find(id);
  return key != keys_.end() && signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(bytes_of(signature), bytes_of(text), text.size(),
                                     bytes_of(std::string_view(key->second))) == 0;
}

}  // namespace parley::crypto
