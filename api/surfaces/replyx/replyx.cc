#include "api/surfaces/replyx/replyx.h"

#include "api/surfaces/replyx/errors.h"
#include "api/surfaces/replyx/event_views.h"
#include "api/surfaces/replyx/limits.h"

namespace parley::replyx {
namespace {

endpoint::Info info() {
  return {.title = "ReplyX API on Parley",
          .version = "1.3",
          .description =
              "Times are RFC 3339 UTC with milliseconds. Lengths are Unicode characters; the NUL character is refused. "
              "Money is in roubles. Unknown "
              "fields of a body are ignored; null is the same as absent, but in a PUT it clears its field; an empty "
              "body reads as {}. Whatever "
              "is kept takes an Idempotency-Key. What one may not know of is 404. A body that is no JSON is 400, one "
              "that is not sent as "
              "application/json 415; a problem of a field is 422 and names it. A query has at most 100 parameters, a "
              "head 100 lines and 16 "
              "KiB, the JSON of a body 1,000 members and elements; how many bytes a body may have is said at each.",
          .tags = {{"Authentication", "/api/auth", "Accounts and their sessions"},
                   {"Users", "/api/users", "The caller's own account"},
                   {"Operators", "/api/operators", "The caller's team: who works on the caller's dialogs"},
                   {"API keys", "/api/api-keys", "Keys for the caller's programs: each good for what its scopes name"},
                   {"Assistants", "/api/assistants", "What answers visitors, and the site tokens that lead to it"},
                   {"Dialogs", "/api/dialogs",
                    "Dialogs as their owner and its team see them, now, then and as they happen"},
                   {"Events", "/api/events", "Everything new in an account"},
                   {"Site", "/api/site", "Dialogs as a website's visitor has them"}},
          .limit = &kGeneralLimit};
}

void declare(endpoint::Registry& registry) {
  add_accounts(registry);
  add_operators(registry);
  add_api_keys(registry);
  add_assistants(registry);
  add_site(registry);
  add_dialogs(registry);
  add_streams(registry);
  add_typing(registry);
}

}  // namespace

const endpoint::Surface& surface() {
  static const endpoint::Surface made{.name = "replyx",
                                      .realm = {},
                                      .info = info(),
                                      .limits = all_limits(),
                                      .errors = error_form(),
                                      .events = event_views(),
                                      .declare = declare};
  return made;
}

}  // namespace parley::replyx
