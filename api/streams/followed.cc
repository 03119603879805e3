#include "api/streams/followed.h"

#include "domain/dialogs/dialogs.h"
#include "platform/invariant.h"

namespace parley::api {

bool is_followed(Kind kind) { return kind == Kind::dialog; }

StreamFacts facts_of(const Event& event) {
  const auto* opened = event.alternative<dialogs::Opened>();
  return opened == nullptr ? StreamFacts{} : StreamFacts{.owner = opened->owner, .assistant = opened->assistant};
}

Code not_found(Kind kind) {
  invariant(is_followed(kind), "only a stream of a followed kind is opened");
  return dialogs::kDialogNotFound;
}

}  // namespace parley::api
