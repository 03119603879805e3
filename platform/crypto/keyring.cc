#include "platform/crypto/keyring.h"

#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <fstream>
#include <sstream>

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

/// What the file says; keys as bytes.
struct Keyring::File {
  std::string id;
  std::string master;
  std::map<std::string, std::string, std::less<>> token_keys;
  std::string signs;  ///< One of the above.
};

std::expected<Keyring::File, std::string> Keyring::read(const std::string& path) {
  const auto key_of = [](std::string_view text) {
    auto key = unbase64url(text);
    return key && key->size() == kMasterBytes ? std::move(key) : std::nullopt;
  };
  const auto wrong = [&](std::string_view why) { return std::unexpected(fmt::format("{}: {}", path, why)); };
  auto line = read_key_line(path);
  if (!line) return std::unexpected(std::move(line.error()));
  auto master = key_of(line->key);
  if (!master) return wrong("the key must be 32 bytes in base64url");
  File file{line->id, std::move(*master), {}, line->id};
  std::ifstream in(path);
  std::string text;
  std::getline(in, text);
  while (std::getline(in, text)) {
    std::istringstream words(text);
    std::string what, id, key;
    if (!(words >> what)) continue;
    words >> id >> key;
    if (what == "token") {
      auto bytes = key_of(key);
      if (!bytes || id == file.id || !file.token_keys.emplace(id, std::move(*bytes)).second) {
        return wrong("a line of a token's key must be: token, an id that no other key has, 32 bytes in base64url");
      }
    } else if (what == "sign") {
      file.signs = id;
    } else {
      return wrong("a line begins with neither token nor sign");
    }
  }
  if (file.signs != file.id && !file.token_keys.contains(file.signs)) return wrong("what signs is none of the keys");
  if (file.token_keys.size() > kTokenKeysMax)
    return wrong(fmt::format("there are more than {} keys of tokens", kTokenKeysMax));
  return file;
}

std::expected<void, std::string> Keyring::write(const std::string& path, const File& file) {
  std::string text = fmt::format("{} {}\n", file.id, base64url(file.master));
  for (const auto& [id, key] : file.token_keys) text += fmt::format("token {} {}\n", id, base64url(key));
  if (file.signs != file.id) text += "sign " + file.signs + "\n";
  return replace_secret_file(path, text);
}

Keyring::Keyring(File file)
    : key_id_(std::move(file.id)), master_(std::move(file.master)), token_keys_(std::move(file.token_keys)) {
  token_ids_.push_back(file.signs);
  if (file.signs != key_id_) token_ids_.push_back(key_id_);
  for (const auto& [id, key] : token_keys_) {
    if (id != file.signs) token_ids_.push_back(id);
  }
}

std::expected<Keyring, std::string> Keyring::load(const std::string& path) {
  auto file = read(path);
  if (!file) return std::unexpected(std::move(file.error()));
  return Keyring(std::move(*file));
}

std::expected<std::string, std::string> Keyring::add_token_key(const std::string& path) {
  auto file = read(path);
  if (!file) return std::unexpected(std::move(file.error()));
  if (file->token_keys.size() == kTokenKeysMax)
    return std::unexpected(path + ": there are enough keys of tokens already, drop one");
  const auto id = "t" + hex(random_bytes(4));
  file->token_keys.emplace(id, random_bytes(kMasterBytes));
  if (auto written = write(path, *file); !written) return std::unexpected(std::move(written.error()));
  return id;
}

std::expected<void, std::string> Keyring::sign_with(const std::string& path, std::string_view token_key) {
  auto file = read(path);
  if (!file) return std::unexpected(std::move(file.error()));
  if (token_key != file->id && !file->token_keys.contains(token_key))
    return std::unexpected(path + ": has no such key");
  file->signs = token_key;
  return write(path, *file);
}

std::expected<void, std::string> Keyring::drop_token_key(const std::string& path, std::string_view token_key) {
  auto file = read(path);
  if (!file) return std::unexpected(std::move(file.error()));
  if (token_key == file->signs) return std::unexpected(path + ": this key signs, let another one sign first");
  const auto found = file->token_keys.find(token_key);
  if (found == file->token_keys.end()) return std::unexpected(path + ": has no such key of tokens");
  file->token_keys.erase(found);
  return write(path, *file);
}

std::string Keyring::token_mac(std::string_view key_id, std::string_view bytes) const {
  if (key_id == key_id_) return mac(Purpose::tokens, bytes);
  const auto& key = token_keys_.find(key_id)->second;
  std::string out(crypto_auth_hmacsha256_BYTES, '\0');
  crypto_auth_hmacsha256(bytes_of(out), bytes_of(bytes), bytes.size(), bytes_of(std::string_view(key)));
  return out;
}

std::string Keyring::derive(Purpose purpose) const {
  std::string key(32, '\0');
  crypto_kdf_derive_from_key(bytes_of(key), key.size(), static_cast<std::uint64_t>(purpose), kKdfContext,
                             bytes_of(std::string_view(master_)));
  return key;
}

std::string Keyring::mac(Purpose purpose, std::string_view bytes) const {
  const auto key = derive(purpose);
  std::string out(crypto_auth_hmacsha256_BYTES, '\0');
  crypto_auth_hmacsha256(bytes_of(out), bytes_of(bytes), bytes.size(), bytes_of(std::string_view(key)));
  return out;
}

// The context is authenticated by deriving a key of its own from it.
static std::string sealing_key(const Keyring& keyring, std::string_view context) {
  return keyring.mac(Purpose::sealing, context);
}

Sealed Keyring::seal(std::string_view secret, std::string_view context) const {
  const auto key = sealing_key(*this, context);
  auto nonce = random_bytes(crypto_secretbox_NONCEBYTES);
  std::string box(secret.size() + crypto_secretbox_MACBYTES, '\0');
  crypto_secretbox_easy(bytes_of(box), bytes_of(secret), secret.size(), bytes_of(std::string_view(nonce)),
                        bytes_of(std::string_view(key)));
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
  if (crypto_secretbox_open_easy(bytes_of(secret), bytes_of(box), box.size(), bytes_of(std::string_view(*raw)),
                                 bytes_of(std::string_view(key))) != 0)
    return std::nullopt;
  return secret;
}

std::string password_verifier(std::string_view password) {
  std::array<char, crypto_pwhash_STRBYTES> out{};
  if (crypto_pwhash_str_alg(out.data(), password.data(), password.size(), kArgonPasses, kArgonBytes,
                            crypto_pwhash_ALG_ARGON2ID13) != 0)
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
