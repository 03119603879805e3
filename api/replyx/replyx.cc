#include "api/replyx/replyx.h"

namespace parley::replyx {

endpoint::Info info() {
  return {.title = "ReplyX API on Parley",
          .version = "1.3",
          .description =
              "Times are RFC 3339 UTC with milliseconds. Lengths are Unicode characters. Money is in roubles. Unknown fields of a body are ignored; "
              "null is "
              "the same as absent; an empty body reads as {}. Every POST takes an Idempotency-Key. What one may not know of is 404. A body that is "
              "no JSON, "
              "or not sent as application/json, is 400; a problem of a field is 422 and names it."};
}

void add_replyx(endpoint::Registry& registry) {
  add_accounts(registry);
  add_assistants(registry);
  add_site(registry);
  add_dialogs(registry);
  add_streams(registry);
}

}  // namespace parley::replyx
