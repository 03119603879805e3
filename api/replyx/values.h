#pragma once
// Values that several groups of this surface share.
#include <string>
#include <string_view>
#include <utility>

#include "api/endpoint/failure.h"
#include "domain/kernel.h"
#include "platform/postgres/error.h"

namespace parley::replyx {

/// Contexts of sealed values: what was sealed for one field cannot be opened as another.
inline constexpr std::string_view kPasswordVerifierContext = "password_verifier";
inline constexpr std::string_view kApiKeyContext = "api_key";
inline constexpr std::string_view kTelegramTokenContext = "telegram_bot_token";

/// This surface documents money as a number of roubles.
inline double roubles(Kopecks k) { return static_cast<double>(k.amount) / 100.0; }

/// What a query found, made into an answer; `missing` when it found nothing.
template <class T, class F>
auto found(postgres::Result<std::optional<T>> row, Code missing, F to_answer) -> endpoint::Result<decltype(to_answer(std::move(**row)))> {
  if (!row) return endpoint::fail(row.error());
  if (!*row) return endpoint::fail(missing);
  return to_answer(std::move(**row));
}

}  // namespace parley::replyx
