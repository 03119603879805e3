#include "ops/cli/keys.h"

#include <iostream>

#include "platform/crypto/keyring.h"

namespace parley::cli {

int keys(const std::string& path) {
  const auto made = crypto::Keyring::create_if_missing(path);
  const auto usable = made ? crypto::Keyring::load(path) : std::unexpected(made.error());
  if (!usable) {
    std::cerr << "parley keys: " << usable.error() << "\n";
    return 1;
  }
  std::cout << path << ": key " << usable->key_id() << "\n";
  return 0;
}

}  // namespace parley::cli
