#include "domain/processes/processes.h"

namespace parley::processes {
namespace {

using Steps = std::vector<FollowUp>;

FollowUp to_claim(const UniqueKey& value, claims::Command command) { return {claim_key(value), Command{std::move(command)}}; }
FollowUp to_account(std::int64_t account, bool is_reserved, const std::string& process_id, const std::string& email_index) {
  return {Stream{Kind::account, account}, Command{accounts::Command{accounts::FinishEmailChange{process_id, email_index, is_reserved}}}};
}
FollowUp release(const std::string& email_index, const std::string& process_id) {
  const auto value = email_key(email_index);
  return to_claim(value, claims::Release{value.index, value.key, process_id});
}

// An account changes its e-mail: requested (account) -> reserved or refused (the new e-mail's claim) -> changed or refused (account), and then
// confirmed (the new e-mail's claim) and released (the one before, if that was a claim too).

Steps after(const Stream& account, std::int64_t version, const accounts::EmailChangeRequested& e) {
  const auto value = email_key(e.email_index);
  return {to_claim(value, claims::Reserve{value.index, value.key, e.process_id, account.id, version})};
}
Steps after(const Stream&, std::int64_t, const claims::Reserved& e) {
  if (e.index != kAccountEmailIndex) return {};
  return {to_account(e.holder, true, e.process_id, e.key)};
}
Steps after(const Stream&, std::int64_t, const claims::Refused& e) {
  if (e.index != kAccountEmailIndex) return {};
  return {to_account(e.holder, false, e.process_id, e.key)};
}
Steps after(const Stream&, std::int64_t, const accounts::EmailChanged& e) {
  Steps steps{to_claim(email_key(e.email_index), claims::Confirm{e.process_id})};
  if (e.previous_process_id) steps.push_back(release(e.previous_email_index, *e.previous_process_id));
  return steps;
}
// The account had no use for it any more: another change came between, or the password was changed.
Steps after(const Stream&, std::int64_t, const accounts::EmailReservationDeclined& e) { return {release(e.email_index, e.process_id)}; }

Steps after(const Stream&, std::int64_t, const auto&) { return {}; }

}  // namespace

Steps follow_ups(const Stream& stream, std::int64_t version, const Event& event) {
  return std::visit([&](const auto& context) { return std::visit([&](const auto& e) { return after(stream, version, e); }, context); }, event);
}

std::string follow_up_name(std::string_view event_id, std::size_t step) { return std::string(event_id) + "/" + std::to_string(step); }

}  // namespace parley::processes
