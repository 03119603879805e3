#pragma once
// A deployment's secrets: one master key in a file that its user alone may read, and keys derived from it for each purpose.
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "domain/kernel.h"

namespace parley::crypto {

/// What a key is for; keys of different purposes have nothing to do with each other.
enum class Purpose : std::uint8_t { tokens = 1, guests = 2, unique_index = 3, fingerprints = 4, sealing = 5 };

/// Immutable after loading; thread-safe. The file has one line: the key's id, a space, 32 random bytes in base64url.
class Keyring {
 public:
  /// Makes the file (mode 0600) when there is none; never overwrites one. The error says what is wrong with the file, never what is in it.
  static std::expected<void, std::string> create_if_missing(const std::string& path);
  /// A file that others may read is an error.
  static std::expected<Keyring, std::string> load(const std::string& path);

  /// HMAC-SHA256 under the purpose's key, 32 raw bytes.
  std::string mac(Purpose purpose, std::string_view bytes) const;
  /// Encrypts and authenticates (XSalsa20-Poly1305); `context` (for example the field's name) must be the same to open it.
  Sealed seal(std::string_view secret, std::string_view context) const;
  std::optional<std::string> open(const Sealed& sealed, std::string_view context) const;
  const std::string& key_id() const { return key_id_; }

 private:
  Keyring(std::string key_id, std::string master) : key_id_(std::move(key_id)), master_(std::move(master)) {}
  std::string derive(Purpose purpose) const;
  std::string key_id_;
  std::string master_;
};

/// Argon2id, t=3, 24 MiB: about 55 ms of one core. Callers bound how many run at once. 128 bytes of text at most, salt and parameters inside.
std::string password_verifier(std::string_view password);
bool password_matches(std::string_view verifier, std::string_view password);

}  // namespace parley::crypto
