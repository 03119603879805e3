#pragma once
#include <string>

namespace parley::cli {

/// What is to change of the keys of access tokens; at most one of them.
struct TokenKeys {
  bool add = false;
  std::string sign_with;
  std::string drop;
};

/// `parley keys`: makes the file of keys, and the deciders' signing key where a path for it is given, when there are
/// none; what stands is only checked, unless the keys of access tokens are to change. The process's exit code: 0 when
/// they can be used, 1 otherwise, with the reason on standard error.
int keys(const std::string& path, const std::string& seal_key_path, const TokenKeys& token_keys);

}  // namespace parley::cli
