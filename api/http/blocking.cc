#include "api/http/blocking.h"

#include <memory>
#include <utility>

#include "api/http/request_reader.h"

namespace parley::http {

Handler blocking(Executor& executor, Handler handler) {
  return [&executor, shared = std::make_shared<const Handler>(std::move(handler))](Request request,
                                                                                   const Responder& responder) {
    const bool is_posted = executor.try_post([shared, request = std::move(request), responder]() mutable {
      try {
        (*shared)(std::move(request), responder);
      } catch (...) {
        responder.fail();
      }
    });
    if (!is_posted) responder.send_error({503, "SERVICE_UNAVAILABLE"});
  };
}

}  // namespace parley::http
