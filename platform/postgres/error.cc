#include "platform/postgres/error.h"

namespace parley::postgres {

std::string_view name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::timeout:
      return "timeout";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::in_doubt:
      return "in_doubt";
    case ErrorKind::rejected:
      return "rejected";
  }
  return "unknown";
}

}  // namespace parley::postgres
