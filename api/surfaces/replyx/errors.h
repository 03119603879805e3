#pragma once
// How this surface says that a request is not done: Russian by default, or English.
#include <string>

#include "api/endpoint/failure.h"

namespace parley::replyx {

/// A Telegram token that is not written as Telegram's BotFather gives it: commands are not even sent with one.
inline constexpr Code kInvalidTelegramToken{"INVALID_TELEGRAM_TOKEN"};

endpoint::ErrorForm error_form();
/// All of it as a page of Markdown: docs/errors.md.
std::string error_catalogue();

}  // namespace parley::replyx
