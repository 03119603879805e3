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
              "Money is in roubles. Unknown fields of a body are ignored; null is the same as absent, but in a PUT it "
              "clears its field; an empty body reads as {}. Every write takes an Idempotency-Key. The API answers 404 "
              "for a resource that the caller may not see. It answers 400 for a body that is not JSON, 415 for a body "
              "that is not sent as application/json, and 422 with the field's name for a field that is not valid. A "
              "query has at most 100 parameters; the headers have at most 100 lines and 16 KiB; the JSON of a body has "
              "at most 1,000 members and elements. Each operation says how many bytes its body may have.",
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
