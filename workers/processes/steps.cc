#include "workers/processes/steps.h"

#include "domain/processes/processes.h"
#include "platform/crypto/crypto.h"
#include "schemas/events.h"

namespace parley::processes {

std::vector<Step> steps_of(const schema::Envelope& envelope, const Event& event) {
  const auto stream = parse_stream(envelope.subject);
  if (!stream) return {};
  std::vector<Step> steps;
  for (auto& one : follow_ups(*stream, envelope.sequence, event)) {
    schema::CommandEnvelope e;
    const auto name = follow_up_name(envelope.id, steps.size());
    e.command_id = crypto::uuid5(name);
    e.fingerprint = crypto::hex(crypto::sha256(name));
    e.principal = Reactor{};
    e.target = std::visit([](auto& target) -> schema::Target { return std::move(target); }, one.target);
    e.slot = schema::slot_of_target(e.target, e.command_id, crypto::slot_of);
    e.correlation = envelope.correlation;
    steps.push_back({std::move(e), std::move(one.command)});
  }
  return steps;
}

std::vector<std::string> step_ids(const schema::Envelope& envelope, const Event& event) {
  std::vector<std::string> ids;
  for (const auto& step : steps_of(envelope, event)) ids.push_back(step.envelope.command_id);
  return ids;
}

}  // namespace parley::processes
