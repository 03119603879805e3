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
          .tags =
              {
#define PARLEY_ENDPOINTS(source)
#define PARLEY_TAG(name, prefix, about) {name, prefix, about},
#include "api/surfaces/replyx/endpoints.def"
              },
          .limit = &kGeneralLimit};
}

void declare(endpoint::Registry& registry) {
#define PARLEY_ENDPOINTS(source) add_##source(registry);
#define PARLEY_TAG(name, prefix, about)
#include "api/surfaces/replyx/endpoints.def"
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
