#pragma once
// The surfaces that this build has, and where each of them is mounted.
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/endpoint/surface.h"

namespace parley::api {

/// Every surface of this build, once. The one list of them.
std::span<const endpoint::Surface* const> surfaces();
/// The limits of all of them, each once.
std::vector<const limits::Limit*> limits_of_surfaces();

/// A surface that an API serves.
struct Mount {
  const endpoint::Surface* surface = nullptr;  ///< Outlives the API.
  std::string prefix{};                        ///< Before each of its paths; empty, or "/fluent".
};
/// Of a setting: "replyx", or "replyx=/replyx". An error says what is wrong with it.
std::expected<Mount, std::string> read_mount(std::string_view setting);

}  // namespace parley::api
