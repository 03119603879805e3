#include "workers/runtime/known_event_types.h"

#include "platform/crypto/crypto.h"
#include "schemas/events.h"

namespace parley::runtime {

const std::string& known_event_types() {
  static const std::string digest = [] {
    std::string types;
    for (const auto type : schema::event_types()) types.append(type).append(" ");
    return crypto::hex(crypto::sha256(types));
  }();
  return digest;
}

}  // namespace parley::runtime
