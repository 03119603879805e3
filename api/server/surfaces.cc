#include "api/server/surfaces.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/surfaces/replyx/replyx.h"

namespace parley::api {
namespace {

/// "/" and a segment of plain characters, once or several times.
bool is_prefix(std::string_view text) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '/';
  };
  return text.starts_with('/') && !text.ends_with('/') && !text.contains("//") && std::ranges::all_of(text, is_plain);
}

}  // namespace

std::span<const endpoint::Surface* const> surfaces() {
  static const std::array all{&replyx::surface()};
  return all;
}

std::vector<const limits::Limit*> limits_of_surfaces() {
  std::vector<const limits::Limit*> all;
  for (const auto* surface : surfaces()) {
    for (const auto* limit : surface->limits) {
      if (std::ranges::find(all, limit) == all.end()) all.push_back(limit);
    }
  }
  return all;
}

std::expected<Mount, std::string> read_mount(std::string_view setting) {
  const auto equals = setting.find('=');
  const auto name = setting.substr(0, equals);
  const auto at = std::ranges::find(surfaces(), name, &endpoint::Surface::name);
  if (at == surfaces().end()) {
    std::string error = fmt::format("there is no surface {}: the surfaces are", name);
    for (const auto* surface : surfaces())
      error.append(surface == surfaces().front() ? " " : ", ").append(surface->name);
    return std::unexpected(std::move(error));
  }
  if (equals == std::string_view::npos) return Mount{.surface = *at};
  const auto prefix = setting.substr(equals + 1);
  if (!is_prefix(prefix)) {
    return std::unexpected(fmt::format(
        "{}: a prefix is like /{}: it has a-z, 0-9, '-' and '_', and does not end with a slash", setting, name));
  }
  return Mount{*at, std::string(prefix)};
}

}  // namespace parley::api
