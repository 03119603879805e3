#include "platform/crypto/crypto.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <memory>
#include <stdexcept>

namespace parley::crypto {
namespace {

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

/// libsodium chooses its implementations once; before that its functions are not thread-safe.
const bool kReady = [] {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot start");
  return true;
}();

std::string uuid_text(std::string_view raw, int version) {
  std::string b(raw.substr(0, 16));
  b[6] = static_cast<char>((b[6] & 0x0F) | (version << 4));
  b[8] = static_cast<char>((b[8] & 0x3F) | 0x80);
  const auto h = hex(b);
  return fmt::format("{}-{}-{}-{}-{}", h.substr(0, 8), h.substr(8, 4), h.substr(12, 4), h.substr(16, 4), h.substr(20));
}

}  // namespace

std::string hex(std::string_view bytes) {
  std::string out(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), bytes_of(bytes), bytes.size());
  out.pop_back();
  return out;
}

std::optional<std::string> unhex(std::string_view text) {
  std::string out(text.size() / 2, '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  if (text.size() % 2 != 0 ||
      sodium_hex2bin(bytes_of(out), out.size(), text.data(), text.size(), nullptr, &size, &end) != 0 ||
      end != text.data() + text.size())
    return std::nullopt;
  return out;
}

std::string base64url(std::string_view bytes) {
  std::string out(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(out.data(), out.size(), bytes_of(bytes), bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  out.pop_back();
  return out;
}

std::optional<std::string> unbase64url(std::string_view text) {
  std::string out(text.size(), '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(bytes_of(out), out.size(), text.data(), text.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

struct Sha256::Impl {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};

  void begin() {
    // OpenSSL's, because every event is hashed: it uses the processor's own instructions, libsodium's does not.
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    must(algorithm != nullptr && context != nullptr && EVP_DigestInit_ex2(context.get(), algorithm, nullptr) == 1);
  }
  void update(std::string_view bytes) const { must(EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1); }
  std::string finish() const {
    std::string out(crypto_hash_sha256_BYTES, '\0');
    must(EVP_DigestFinal_ex(context.get(), bytes_of(out), nullptr) == 1);
    return out;
  }
  static void must(bool done) {
    if (!done) throw std::runtime_error("OpenSSL cannot make a SHA-256");
  }
};
Sha256::Sha256() : impl_(std::make_unique<Impl>()) { impl_->begin(); }
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;
void Sha256::update(std::string_view bytes) { impl_->update(bytes); }
std::string Sha256::finish() { return impl_->finish(); }

std::string sha256(std::string_view bytes) {
  thread_local Sha256::Impl one;
  one.begin();
  one.update(bytes);
  return one.finish();
}

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  randombytes_buf(out.data(), out.size());
  return out;
}

bool equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

KeyedHash::KeyedHash() {
  static_assert(sizeof key_ == crypto_shorthash_siphashx24_KEYBYTES);
  randombytes_buf(key_.data(), key_.size());
}
std::array<std::uint64_t, 2> KeyedHash::of(std::string_view text) const {
  std::array<std::uint64_t, 2> hash;
  static_assert(sizeof hash == crypto_shorthash_siphashx24_BYTES);
  crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(hash.data()), bytes_of(text), text.size(), key_.data());
  return hash;
}

std::string uuid7() {
  auto raw = random_bytes(16);
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  for (int i = 0; i < 6; ++i) raw[static_cast<std::size_t>(i)] = static_cast<char>((ms >> (8 * (5 - i))) & 0xFF);
  return uuid_text(raw, 7);
}

std::string uuid5(std::string_view text) { return uuid_text(sha256("parley.command\n" + std::string(text)), 5); }

int slot_of(std::string_view text) {
  const auto digest = sha256(text);
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(digest[static_cast<std::size_t>(i)]);
  return static_cast<int>(value % kSlots);
}

}  // namespace parley::crypto
