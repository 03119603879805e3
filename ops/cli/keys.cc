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

std::expected<void, std::string> change(const std::string& path, const TokenKeys& wanted) {
  if (!wanted.sign_with.empty()) return crypto::Keyring::sign_with(path, wanted.sign_with);
  if (!wanted.drop.empty()) return crypto::Keyring::drop_token_key(path, wanted.drop);
  if (!wanted.add) return {};
  const auto added = crypto::Keyring::add_token_key(path);
  if (!added) return std::unexpected(added.error());
  std::cout << path << ": token key " << *added << " added, it does not sign yet\n";
  return {};
}

}  // namespace

int keys(const std::string& path, const std::string& seal_key_path, const TokenKeys& token_keys) {
  const auto made = crypto::Keyring::create_if_missing(path);
  if (!made) return fail(made.error());
  if (const auto changed = change(path, token_keys); !changed) return fail(changed.error());
  const auto usable = crypto::Keyring::load(path);
  if (!usable) return fail(usable.error());
  std::cout << path << ": key " << usable->key_id();
  if (const auto& ids = usable->token_keys(); ids.size() > 1) {
    std::cout << "; tokens are signed with " << ids.front() << ", verified with";
    for (const auto& id : ids) std::cout << " " << id;
  }
  std::cout << "\n";
  if (seal_key_path.empty()) return 0;
  const auto seal_made = crypto::SigningKey::create_if_missing(seal_key_path);
  const auto seal_key = seal_made ? crypto::SigningKey::load(seal_key_path) : std::unexpected(seal_made.error());
  if (!seal_key) return fail(seal_key.error());
  std::cout << seal_key_path << ": key " << seal_key->id() << ", public half in " << seal_key_path << ".pub\n";
  return 0;
}

}  // namespace parley::cli
