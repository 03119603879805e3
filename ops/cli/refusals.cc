#include "ops/cli/refusals.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "domain/accounts/accounts.h"
#include "domain/parking/parking.h"
#include "schemas/replies.h"

namespace parley::cli {
namespace {

constexpr auto kWords = std::to_array<std::pair<Code, std::string_view>>({
    {kValidationError, "The data is not valid"},
    {kInsufficientPermissions, "You may not do this"},
    {kNotFound, "There is no such resource"},
    {kVersionConflict, "The resource has another version"},
    {kInternalError, "Internal error"},
    {accounts::kEmailTaken, "This e-mail is registered already"},
    {parking::kStreamParked, "This object cannot be changed for now"},
    {parking::kStreamNotParked, "The stream is not parked"},
    {parking::kCommandSkipped, "The command was skipped by an operator of the system"},
    {schema::kCommandExpired, "The command came too late and was refused"},
});

}  // namespace

std::string in_words(const Code& refusal) {
  std::string text(refusal.name());
  const auto words = std::ranges::find(kWords, refusal, &std::pair<Code, std::string_view>::first);
  return words == kWords.end() ? text : text.append(": ").append(words->second);
}

}  // namespace parley::cli
