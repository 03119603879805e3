#include "domain/processes/processes.h"

#include "domain/accounts/accounts.h"
#include "domain/assistants/assistants.h"
#include "domain/claims/claims.h"

namespace parley::processes {
namespace {

using Steps = std::vector<FollowUpCommand>;

FollowUpCommand to_claim(const UniqueKey& value, claims::Command command) {
  return {claims::claim_key(value), Command{std::move(command)}};
}
FollowUpCommand to_account(std::int64_t account, bool is_reserved, const std::string& process_id,
                           const std::string& email_index) {
  return {Stream{Kind::account, account},
          Command{accounts::Command{accounts::FinishEmailChange{process_id, email_index, is_reserved}}}};
}
FollowUpCommand to_assistant(std::int64_t assistant, bool is_reserved, const std::string& process_id,
                             const std::string& bot_index) {
  return {Stream{Kind::assistant, assistant},
          Command{assistants::Command{assistants::FinishBotChange{process_id, bot_index, is_reserved}}}};
}
FollowUpCommand reserve(const UniqueKey& value, const std::string& process_id, const Stream& holder,
                        std::int64_t version) {
  return to_claim(value, claims::Reserve{value.index, value.key, process_id, holder.id, version});
}
FollowUpCommand release(const UniqueKey& value, const std::string& process_id) {
  return to_claim(value, claims::Release{value.index, value.key, process_id});
}

/// What became of a reservation, to whoever asked for it: of which kind that is, the index says.
template <class Outcome>
Steps to_holder(const Outcome& e, bool is_reserved) {
  if (e.index == accounts::kEmailIndex) return {to_account(e.holder, is_reserved, e.process_id, e.key)};
  if (e.index == assistants::kBotIndex) return {to_assistant(e.holder, is_reserved, e.process_id, e.key)};
  return {};
}
Steps after(const Stream&, std::int64_t, const claims::Reserved& e) { return to_holder(e, true); }
Steps after(const Stream&, std::int64_t, const claims::Refused& e) { return to_holder(e, false); }

// An account changes its e-mail: requested (account) -> reserved or refused (the new e-mail's claim) -> changed or
// refused (account), and then confirmed (the new e-mail's claim) and released (the one before, if that was a claim
// too).

Steps after(const Stream& account, std::int64_t version, const accounts::EmailChangeRequested& e) {
  return {reserve(accounts::email_key(e.email_index), e.process_id, account, version)};
}
Steps after(const Stream&, std::int64_t, const accounts::EmailChanged& e) {
  Steps steps{to_claim(accounts::email_key(e.email_index), claims::Confirm{e.process_id})};
  if (e.previous_process_id)
    steps.push_back(release(accounts::email_key(e.previous_email_index), *e.previous_process_id));
  return steps;
}
// The account had no use for it any more: another change came between, or the password was changed.
Steps after(const Stream&, std::int64_t, const accounts::EmailReservationDeclined& e) {
  return {release(accounts::email_key(e.email_index), e.process_id)};
}

// An assistant is created with a bot, or gets another: requested (assistant) -> reserved or refused (the bot's claim)
// -> created or updated, and the bot claimed, or refused (assistant), and then confirmed (the bot's claim). A bot that
// an assistant does not need (any more) is released.

Steps after(const Stream& assistant, std::int64_t version, const assistants::CreationRequested& e) {
  return {reserve(assistants::bot_key(e.bot_index), e.process_id, assistant, version)};
}
Steps after(const Stream& assistant, std::int64_t version, const assistants::UpdateRequested& e) {
  return {reserve(assistants::bot_key(e.bot_index), e.process_id, assistant, version)};
}
Steps after(const Stream&, std::int64_t, const assistants::BotClaimed& e) {
  return {to_claim(assistants::bot_key(e.bot_index), claims::Confirm{e.process_id})};
}
Steps after(const Stream&, std::int64_t, const assistants::CreationRefused& e) {
  return {release(assistants::bot_key(e.bot_index), e.process_id)};
}
Steps after(const Stream&, std::int64_t, const assistants::BotReleased& e) {
  return {release(assistants::bot_key(e.bot_index), e.process_id)};
}

Steps after(const Stream&, std::int64_t, const auto&) { return {}; }

}  // namespace

Steps follow_ups(const Stream& stream, std::int64_t version, const Event& event) {
  const auto steps = [&](const auto* context) {
    return std::visit([&](const auto& e) { return after(stream, version, e); }, *context);
  };
  if (const auto* account = event.get_if<accounts::Event>()) return steps(account);
  if (const auto* assistant = event.get_if<assistants::Event>()) return steps(assistant);
  if (const auto* claim = event.get_if<claims::Event>()) return steps(claim);
  return {};
}

std::string follow_up_name(std::string_view event_id, std::size_t step) {
  return std::string(event_id) + "/" + std::to_string(step);
}

}  // namespace parley::processes
