#include "platform/crypto/passphrase.h"

#include <fmt/format.h>
#include <sodium.h>

#include <new>
#include <sstream>

#include "platform/crypto/crypto.h"

namespace parley::crypto {
namespace {

constexpr std::string_view kName = "argon2id13";
constexpr unsigned long long kPasses = 3;
constexpr std::size_t kBytes = std::size_t{256} << 20;
/// What a text may ask for: it comes from outside.
constexpr unsigned long long kPassesMax = 100;
constexpr std::size_t kBytesMax = std::size_t{2} << 30;

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string key_from(std::string_view passphrase, std::string_view salt, unsigned long long passes, std::size_t bytes) {
  std::string key(crypto_secretbox_KEYBYTES, '\0');
  if (crypto_pwhash(bytes_of(key), key.size(), passphrase.data(), passphrase.size(), bytes_of(salt), passes, bytes,
                    crypto_pwhash_ALG_ARGON2ID13) != 0)
    throw std::bad_alloc();
  return key;
}

}  // namespace

std::string seal_with_passphrase(std::string_view secret, std::string_view passphrase) {
  const auto salt = random_bytes(crypto_pwhash_SALTBYTES), nonce = random_bytes(crypto_secretbox_NONCEBYTES);
  const auto key = key_from(passphrase, salt, kPasses, kBytes);
  std::string box(secret.size() + crypto_secretbox_MACBYTES, '\0');
  crypto_secretbox_easy(bytes_of(box), bytes_of(secret), secret.size(), bytes_of(std::string_view(nonce)),
                        bytes_of(std::string_view(key)));
  return fmt::format("{} {} {} {} {}", kName, kPasses, kBytes, base64url(salt), base64url(nonce + box));
}

std::expected<std::string, std::string> open_with_passphrase(std::string_view sealed, std::string_view passphrase) {
  std::istringstream in{std::string(sealed)};
  std::string name, salt_text, box_text;
  unsigned long long passes = 0;
  std::size_t bytes = 0;
  in >> name >> passes >> bytes >> salt_text >> box_text;
  const auto salt = unbase64url(salt_text), raw = unbase64url(box_text);
  if (!in || name != kName || passes < 1 || passes > kPassesMax || bytes < crypto_pwhash_MEMLIMIT_MIN ||
      bytes > kBytesMax || !salt || salt->size() != crypto_pwhash_SALTBYTES || !raw ||
      raw->size() < crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES) {
    return std::unexpected("is not what is sealed under a passphrase");
  }
  const auto key = key_from(passphrase, *salt, passes, bytes);
  const auto box = std::string_view(*raw).substr(crypto_secretbox_NONCEBYTES);
  std::string secret(box.size() - crypto_secretbox_MACBYTES, '\0');
  if (crypto_secretbox_open_easy(bytes_of(secret), bytes_of(box), box.size(), bytes_of(std::string_view(*raw)),
                                 bytes_of(std::string_view(key))) != 0)
    return std::unexpected("another passphrase, or what is sealed was changed");
  return secret;
}

}  // namespace parley::crypto
