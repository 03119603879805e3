#include "platform/crypto/keyring.h"

#include <sodium.h>

#include <array>

#include "platform/crypto/crypto.h"
#include "platform/crypto/secret_file.h"

namespace parley::crypto {
namespace {

constexpr std::size_t kMasterBytes = crypto_kdf_KEYBYTES;
constexpr char kKdfContext[crypto_kdf_CONTEXTBYTES + 1] = "parleyv1";
constexpr unsigned long long kArgonPasses = 3;
constexpr std::size_t kArgonBytes = std::size_t{24} << 20;

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

std::expected<void, std::string> Keyring::create_if_missing(const std::string& path) {
  const auto made = create_secret_file(path, "k1 " + base64url(random_bytes(kMasterBytes)) + "\n");
  if (!made) return std::unexpected(made.error());
  return {};
}

std::expected<Keyring, std::string> Keyring::load(const std::string& path) {
  auto line = read_key_line(path);
  if (!line) return std::unexpected(std::move(line.error()));
  auto master = unbase64url(line->key);
  if (!master || master->size() != kMasterBytes) return std::unexpected(path + ": the key must be 32 bytes in base64url");
  return Keyring(std::move(line->id), std::move(*master));
}

std::string Keyring::derive(Purpose purpose) const {
  std::string key(32, '\0');
  crypto_kdf_derive_from_key(bytes_of(key), key.size(), static_cast<std::uint64_t>(purpose), kKdfContext, bytes_of(std::string_view(master_)));
  return key;
}

std::string Keyring::mac(Purpose purpose, std::string_view bytes) const {
  const auto key = derive(purpose);
  std::string out(crypto_auth_hmacsha256_BYTES, '\0');
  crypto_auth_hmacsha256(bytes_of(out), bytes_of(bytes), bytes.size(), bytes_of(std::string_view(key)));
  return out;
}

// The context is authenticated by deriving a key of its own from it.
static std::string sealing_key(const Keyring& keyring, std::string_view context) { return keyring.mac(Purpose::sealing, context); }

Sealed Keyring::seal(std::string_view secret, std::string_view context) const {
  const auto key = sealing_key(*this, context);
  auto nonce = random_bytes(crypto_secretbox_NONCEBYTES);
  std::string box(secret.size() + crypto_secretbox_MACBYTES, '\0');
  crypto_secretbox_easy(bytes_of(box), bytes_of(secret), secret.size(), bytes_of(std::string_view(nonce)), bytes_of(std::string_view(key)));
  return Sealed{key_id_ + "." + base64url(nonce + box)};
}

std::optional<std::string> Keyring::open(const Sealed& sealed, std::string_view context) const {
  const auto dot = sealed.box.find('.');
  if (dot == std::string::npos || sealed.box.substr(0, dot) != key_id_) return std::nullopt;
  const auto raw = unbase64url(std::string_view(sealed.box).substr(dot + 1));
  if (!raw || raw->size() < crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES) return std::nullopt;
  const auto box = std::string_view(*raw).substr(crypto_secretbox_NONCEBYTES);
  const auto key = sealing_key(*this, context);
  std::string secret(box.size() - crypto_secretbox_MACBYTES, '\0');
  if (crypto_secretbox_open_easy(bytes_of(secret), bytes_of(box), box.size(), bytes_of(std::string_view(*raw)), bytes_of(std::string_view(key))) != 0)
    return std::nullopt;
  return secret;
}

std::string password_verifier(std::string_view password) {
  std::array<char, crypto_pwhash_STRBYTES> out{};
  if (crypto_pwhash_str_alg(out.data(), password.data(), password.size(), kArgonPasses, kArgonBytes, crypto_pwhash_ALG_ARGON2ID13) != 0)
    throw std::bad_alloc();
  return out.data();
}

bool password_matches(std::string_view verifier, std::string_view password) {
  if (verifier.size() >= crypto_pwhash_STRBYTES) return false;
  std::array<char, crypto_pwhash_STRBYTES> text{};
  verifier.copy(text.data(), verifier.size());
  return crypto_pwhash_str_verify(text.data(), password.data(), password.size()) == 0;
}

}  // namespace parley::crypto
