#pragma once
#include "api/http/executor.h"
#include "api/http/routes.h"

namespace parley::http {

/// A handler that may block: runs on the executor instead of the I/O thread. When the executor is full the answer is
/// 503 SERVICE_UNAVAILABLE with Retry-After; what the handler throws is a 500 like any other's. The executor must
/// outlive the server.
Handler blocking(Executor& executor, Handler handler);

}  // namespace parley::http
