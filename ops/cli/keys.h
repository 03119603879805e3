#pragma once
#include <string>

namespace parley::cli {

/// `parley keys`: makes the file of keys when there is none; one that stands is only checked. The process's exit code: 0 when it can be used,
/// 1 otherwise, with the reason on standard error.
int keys(const std::string& path);

}  // namespace parley::cli
