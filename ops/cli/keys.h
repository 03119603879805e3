#pragma once
#include <string>

namespace parley::cli {

/// `parley keys`: makes the file of keys, and the deciders' signing key where a path for it is given, when there are none; what stands is only
/// checked. The process's exit code: 0 when they can be used, 1 otherwise, with the reason on standard error.
int keys(const std::string& path, const std::string& seal_key_path);

}  // namespace parley::cli
