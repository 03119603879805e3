#pragma once
// Signatures (Ed25519): one process signs with a key of its own, anybody checks with the public half.
#include <expected>
#include <map>
#include <string>
#include <string_view>

namespace parley::crypto {

/// The secret half. Immutable after loading; thread-safe. The file has one line: the key's id, a space, 32 random bytes
/// in base64url. The id is made of the public half (the first 8 bytes of its SHA-256, hexadecimal), so that no two keys
/// share one.
class SigningKey {
 public:
  /// Makes the file (mode 0600) when there is none, and the public half beside it (`path`.pub). Never overwrites the
  /// secret.
  static std::expected<void, std::string> create_if_missing(const std::string& path);
  static std::expected<SigningKey, std::string> load(const std::string& path);

  const std::string& id() const { return id_; }
  /// 32 raw bytes.
  const std::string& public_half() const { return public_; }
  /// 64 raw bytes.
  std::string sign(std::string_view text) const;

 private:
  SigningKey(std::string id, std::string secret, std::string public_half)
      : id_(std::move(id)), secret_(std::move(secret)), public_(std::move(public_half)) {}
  std::string id_;
  std::string secret_;  // 64 bytes, as libsodium keeps it
  std::string public_;
};

/// Public halves, by id. The file has a line for each: the key's id, a space, 32 bytes in base64url; lines of several
/// files may stand together.
class PublicKeys {
 public:
  static std::expected<PublicKeys, std::string> load(const std::string& path);
  void add(const SigningKey& key) { keys_.insert_or_assign(key.id(), key.public_half()); }
  bool knows(std::string_view id) const { return keys_.contains(id); }
  /// False for a key that is not known too.
  bool verify(std::string_view id, std::string_view text, std::string_view signature) const;

 private:
  std::map<std::string, std::string, std::less<>> keys_;
};

}  // namespace parley::crypto
