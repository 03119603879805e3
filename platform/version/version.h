#pragma once
// Which Parley this is, for people who look at it, at its logs, its metrics or its backups. Pure; safe on any thread.
#include <string_view>

namespace parley::version {

/// As in CHANGELOG.md, "0.9.0".
std::string_view number();

/// The commit that it was built from, 12 digits, with "+" when files differed from it; "unknown" outside of a
/// repository.
std::string_view commit();

/// How it was built: CMake's build type and the compiler.
std::string_view build();

/// Before 1.0: what it answers and keeps may change with a line in CHANGELOG.md.
bool is_prerelease();

}  // namespace parley::version
