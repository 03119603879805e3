#include "ops/cli/keys.h"

#include <expected>
#include <iostream>
#include <string_view>

#include "platform/crypto/keyring.h"
#include "platform/crypto/signing.h"

namespace parley::cli {
namespace {

int fail(std::string_view why) {
  std::cerr << "parley keys: " << why << "\n";
  return 1;
}

}  // namespace

int keys(const std::string& path, const std::string& seal_key_path) {
  const auto made = crypto::Keyring::create_if_missing(path);
  const auto usable = made ? crypto::Keyring::load(path) : std::unexpected(made.error());
  if (!usable) return fail(usable.error());
  std::cout << path << ": key " << usable->key_id() << "\n";
  if (seal_key_path.empty()) return 0;
  const auto seal_made = crypto::SigningKey::create_if_missing(seal_key_path);
  const auto seal_key = seal_made ? crypto::SigningKey::load(seal_key_path) : std::unexpected(seal_made.error());
  if (!seal_key) return fail(seal_key.error());
  std::cout << seal_key_path << ": key " << seal_key->id() << ", public half in " << seal_key_path << ".pub\n";
  return 0;
}

}  // namespace parley::cli
