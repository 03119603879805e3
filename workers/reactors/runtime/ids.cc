#include "workers/reactors/runtime/ids.h"

#include <utility>

#include "platform/crypto/crypto.h"

namespace parley::reactors {
namespace {

std::string text_of(std::string_view reactor, std::string_view event_id, std::string_view step) {
  return std::string("reactor/").append(reactor).append("/").append(event_id).append("/").append(step);
}
std::string_view name_of(Step step) {
  switch (step) {
    case Step::attempt:
      return "attempt";
    case Step::outcome:
      return "outcome";
    case Step::call:
      return "call";
  }
  std::unreachable();
}

}  // namespace

std::string id_of(std::string_view reactor, std::string_view event_id, Step step) {
  return crypto::uuid5(text_of(reactor, event_id, name_of(step)));
}

std::string timer_id(std::string_view reactor, std::string_view event_id, std::string_view timer) {
  return crypto::uuid5(text_of(reactor, event_id, "timer/").append(timer));
}

schema::CommandEnvelope command_to(const Stream& stream, std::string command_id, std::string correlation) {
  schema::CommandEnvelope e;
  e.fingerprint = crypto::hex(crypto::sha256(command_id));
  e.command_id = std::move(command_id);
  e.principal = parley::Reactor{};
  e.target = stream;
  e.slot = slot_of(stream.id);
  e.correlation = std::move(correlation);
  return e;
}

}  // namespace parley::reactors
