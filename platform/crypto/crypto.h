#pragma once
// Hashes, identifiers, secrets. All functions are thread-safe. libsodium and OpenSSL do the work; nothing of them shows
// here.
#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "domain/kernel.h"

namespace parley::crypto {

std::string hex(std::string_view bytes);
/// Nothing for text that is not hexadecimal.
std::optional<std::string> unhex(std::string_view text);
/// URL-safe alphabet, no padding (RFC 4648 section 5).
std::string base64url(std::string_view bytes);
std::optional<std::string> unbase64url(std::string_view text);

/// 32 raw bytes.
std::string sha256(std::string_view bytes);
/// The same of what comes in pieces. Movable; not thread-safe.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();
  void update(std::string_view bytes);
  /// Of all that came, 32 raw bytes. Once.
  std::string finish();

 private:
  friend std::string sha256(std::string_view bytes);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};
/// From the system's generator.
std::string random_bytes(std::size_t count);
/// In constant time for texts of one length.
bool equal(std::string_view a, std::string_view b);

/// Short hashes (SipHash-2-4, 128 bits) under a random key of its own, so that nobody can choose texts whose hashes
/// meet: for tables in memory. Copies have the same key.
class KeyedHash {
 public:
  KeyedHash();
  std::array<std::uint64_t, 2> of(std::string_view text) const;

 private:
  std::array<unsigned char, 16> key_;
};

/// UUID of time and randomness (RFC 9562, version 7): sorts by time.
std::string uuid7();
/// UUID of a text (version 5's form over SHA-256, namespace of Parley's commands): the same text gives the same one.
std::string uuid5(std::string_view text);
/// The slot of a text: the first 8 bytes of its SHA-256, big-endian, modulo kSlots.
int slot_of(std::string_view text);

}  // namespace parley::crypto
