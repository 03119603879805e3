#pragma once
// A deployment's secrets: one master key in a file that its user alone may read, and keys derived from it for each
// purpose.
#include <cstddef>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/kernel.h"

namespace parley::crypto {

/// What a key is for; keys of different purposes have nothing to do with each other.
enum class Purpose : std::uint8_t { tokens = 1, guests = 2, unique_index = 3, fingerprints = 4, sealing = 5 };

/// Immutable after loading; thread-safe. The file has a line with the master key's id, a space and 32 random bytes in
/// base64url. Lines after it are keys of access tokens, which are changed from time to time: "token <id> <32 bytes in
/// base64url>", and "sign <id>" with the id of the one that signs new tokens. All of them verify. The master key has
/// one of its own too, of its own id; it signs where no line says otherwise.
class Keyring {
 public:
  /// Of access tokens that one file holds at most, beside the master's own.
  static constexpr std::size_t kTokenKeysMax = 8;

  /// Makes the file (mode 0600) when there is none; never overwrites one. The error says what is wrong with the file,
  /// never what is in it.
  static std::expected<void, std::string> create_if_missing(const std::string& path);
  /// A file that others may read is an error.
  static std::expected<Keyring, std::string> load(const std::string& path);

  /// HMAC-SHA256 under the purpose's key, 32 raw bytes.
  std::string mac(Purpose purpose, std::string_view bytes) const;
  /// Encrypts and authenticates (XSalsa20-Poly1305); `context` (for example the field's name) must be the same to open
  /// it.
  Sealed seal(std::string_view secret, std::string_view context) const;
  std::optional<std::string> open(const Sealed& sealed, std::string_view context) const;
  const std::string& key_id() const { return key_id_; }

  /// Ids of the keys of access tokens, the one that signs first.
  const std::vector<std::string>& token_keys() const { return token_ids_; }
  /// HMAC-SHA256 under that key of access tokens, 32 raw bytes. The id must be one of them.
  std::string token_mac(std::string_view key_id, std::string_view bytes) const;

  // Changes of the file, each in one step: whoever loads it sees all of a change or nothing. A process that has loaded
  // it goes on with what it has.

  /// Adds a key of access tokens, which does not sign yet. Its id.
  static std::expected<std::string, std::string> add_token_key(const std::string& path);
  static std::expected<void, std::string> sign_with(const std::string& path, std::string_view token_key);
  /// Tokens that it has signed are none from then on. Not the one that signs, nor the master's own.
  static std::expected<void, std::string> drop_token_key(const std::string& path, std::string_view token_key);

 private:
  struct File;
  static std::expected<File, std::string> read(const std::string& path);
  static std::expected<void, std::string> write(const std::string& path, const File& file);
  explicit Keyring(File file);
  std::string derive(Purpose purpose) const;
  std::string key_id_;
  std::string master_;
  std::map<std::string, std::string, std::less<>> token_keys_;  // by id; not the master's own
  std::vector<std::string> token_ids_;
};

/// Argon2id, t=3, 24 MiB: about 55 ms of one core. Callers bound how many run at once. 128 bytes of text at most, salt
/// and parameters inside.
std::string password_verifier(std::string_view password);
bool password_matches(std::string_view verifier, std::string_view password);

}  // namespace parley::crypto
