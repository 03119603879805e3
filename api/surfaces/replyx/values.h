#pragma once
// Values that several groups of this surface share.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/endpoint/failure.h"
#include "api/endpoint/registry.h"
#include "domain/kernel.h"
#include "platform/postgres/error.h"

namespace parley::replyx {

/// Contexts of sealed values: what was sealed for one field cannot be opened as another.
inline constexpr std::string_view kApiKeyContext = "api_key";
inline constexpr std::string_view kTelegramTokenContext = "telegram_bot_token";

/// This surface documents money as a number of roubles.
inline double roubles(Kopecks k) { return static_cast<double>(k.amount) / 100.0; }

/// What a query found, made into an answer; `missing` when it found nothing.
template <class T, class F>
auto found(postgres::Result<std::optional<T>> row, Code missing, F to_answer)
    -> endpoint::Result<decltype(to_answer(std::move(**row)))> {
  if (!row) return endpoint::fail(row.error());
  if (!*row) return endpoint::fail(missing);
  return to_answer(std::move(**row));
}

/// The same of one thing whose stream's version its row has.
template <class T, class F>
auto found_single(postgres::Result<std::optional<T>> row, Code missing, F to_answer) {
  return found(std::move(row), missing, [&](T one) {
    const auto version = one.version;
    return endpoint::Versioned<decltype(to_answer(std::move(one)))>{to_answer(std::move(one)), version};
  });
}

/// All that a query found, each made into what is shown of it.
template <class T, class F>
auto found_all(postgres::Result<std::vector<T>> rows, F to_shown)
    -> endpoint::Result<std::vector<decltype(to_shown(std::move(rows->front())))>> {
  if (!rows) return endpoint::fail(rows.error());
  std::vector<decltype(to_shown(std::move(rows->front())))> out;
  out.reserve(rows->size());
  for (auto& row : *rows) out.push_back(to_shown(std::move(row)));
  return out;
}

}  // namespace parley::replyx
