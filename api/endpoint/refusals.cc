#include "api/endpoint/refusals.h"

#include "api/auth/tokens.h"
#include "api/commands/dispatcher.h"
#include "api/directory/directory.h"
#include "domain/model.h"

namespace parley::endpoint {

std::vector<Code> refusals() {
  auto all = parley::refusals();
  const auto add = [&](const auto& codes) { all.insert(all.end(), codes.begin(), codes.end()); };
  add(schema::kDeciderRefusals);
  add(std::array{api::kTokenExpired, api::kAssistantInactive, api::kCommandTimeout});
  add(kRefusals);
  return all;
}

}  // namespace parley::endpoint
