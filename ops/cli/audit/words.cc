#include "ops/cli/audit/words.h"

#include "ops/cli/audit/event_line.h"
#include "platform/text/printable.h"
#include "schemas/events.h"

namespace parley::audit {
namespace {

/// Whoever writes words for an event, one overload each. What has none falls to the template.
struct Words {
  const schema::Envelope& envelope;
  schema::Disclosure disclosure;

  std::string said(const Personal& text) const {
    if (disclosure == schema::Disclosure::personal) return text.text;
    return "(" + std::to_string(schema::characters(text.text)) + " characters)";
  }
  std::string named(const std::optional<Personal>& name) const { return name && disclosure == schema::Disclosure::personal ? " " + name->text : ""; }
  static std::string roubles(Kopecks k) {
    const auto rest = std::to_string(k.amount % 100);
    return std::to_string(k.amount / 100) + "." + (rest.size() < 2 ? "0" : "") + rest + " roubles";
  }

  std::string operator()(const accounts::Registered& e) const { return "an account is registered for " + said(e.email); }
  std::string operator()(const accounts::WelcomeBonusGranted& e) const { return "the account is given " + roubles(e.amount) + " of welcome bonus"; }
  std::string operator()(const accounts::LoggedIn&) const { return "the owner logs in"; }
  std::string operator()(const accounts::ApiKeyCreated& e) const {
    std::string scopes;
    for (const auto scope : e.scopes) scopes.append(scopes.empty() ? "" : ", ").append(schema::name_of(scope));
    return envelope.actor + " makes the API key " + std::to_string(e.key.value) + " \"" + e.name + "\" (" + scopes + ")";
  }
  std::string operator()(const accounts::ApiKeyRevoked& e) const { return envelope.actor + " revokes the API key " + std::to_string(e.key.value); }
  std::string operator()(const accounts::ApiKeyUsed& e) const { return "the API key " + std::to_string(e.key.value) + " is used"; }
  std::string operator()(const accounts::EmailChangeRequested& e) const { return "the account is to have another e-mail: " + said(e.email); }
  std::string operator()(const accounts::EmailChanged& e) const { return "the account has another e-mail: " + said(e.email); }
  std::string operator()(const accounts::EmailChangeRefused&) const { return "the account keeps its e-mail: somebody else has the other one"; }
  std::string operator()(const accounts::EmailReservationDeclined&) const { return "the account has no use for an e-mail that was reserved for it"; }
  std::string operator()(const claims::Reserved& e) const { return e.index + " is reserved for " + std::to_string(e.holder); }
  std::string operator()(const claims::Refused& e) const { return e.index + " is somebody else's, and not reserved for " + std::to_string(e.holder); }
  std::string operator()(const claims::Confirmed&) const { return "what was reserved is used"; }
  std::string operator()(const claims::Released& e) const { return e.index + " is anybody's again"; }
  std::string operator()(const assistants::Created& e) const { return envelope.actor + " creates the assistant \"" + e.name + "\""; }
  std::string operator()(const assistants::Updated& e) const {
    std::string parts;
    const auto one = [&]<class M>(const schema::Field<assistants::Updated, M>& f) {
      const M& part = e.*f.member;
      bool is_said = false, goes = false;
      if constexpr (schema::is_patch<M>) {
        is_said = part.given, goes = !part.value;
      } else {
        is_said = part.has_value();
      }
      if (is_said) parts.append(parts.empty() ? " " : ", ").append(f.name).append(goes ? " (cleared)" : "");
    };
    std::apply([&](const auto&... f) { (one(f), ...); }, schema::fields<assistants::Updated>);
    return envelope.actor + " changes the assistant:" + parts;
  }
  std::string operator()(const assistants::SiteTokenRotated&) const { return envelope.actor + " gives the assistant another site token"; }
  std::string operator()(const assistants::Deleted&) const { return envelope.actor + " deletes the assistant"; }
  std::string operator()(const assistants::CreationRequested& e) const {
    return envelope.actor + " wants the assistant \"" + e.assistant.name + "\", with a Telegram bot";
  }
  std::string operator()(const assistants::CreationRefused&) const { return "no assistant is created: another one has the Telegram bot"; }
  std::string operator()(const assistants::UpdateRequested&) const { return envelope.actor + " wants another Telegram bot for the assistant"; }
  std::string operator()(const assistants::UpdateRefused&) const { return "the assistant stays as it is: another one has the Telegram bot"; }
  std::string operator()(const assistants::BotClaimed&) const { return "the Telegram bot is this assistant's"; }
  std::string operator()(const assistants::BotReleased&) const { return "the assistant has no use for a Telegram bot any more"; }
  std::string operator()(const dialogs::Opened& e) const {
    return "visitor" + named(e.first_name) + " opens the dialog (" + std::string(schema::name_of(e.platform)) + ", assistant " +
           std::to_string(e.assistant.value) + ")";
  }
  std::string operator()(const dialogs::MessageCreated& e) const {
    const bool is_visitor = e.sender == dialogs::Sender::user;
    return (is_visitor ? "visitor" : std::string(schema::name_of(e.sender))) + named(e.operator_name) + ": " + said(e.text);
  }
  std::string operator()(const dialogs::Archived&) const { return envelope.actor + " archives the dialog"; }
  std::string operator()(const dialogs::Unarchived&) const { return "the dialog is active again, through " + envelope.actor; }
  std::string operator()(const parking::Parked& e) const { return "the stream stands still: " + e.reason; }
  std::string operator()(const parking::Unparked& e) const {
    return "the stream goes on (" + std::string(schema::name_of(e.action)) + "): " + e.reason;
  }
  std::string operator()(const seals::PartitionSealed& e) const {
    return "sealed: the " + std::to_string(e.events) + " events before are signed with key " + e.key_id;
  }
  template <class Other>
  std::string operator()(const Other&) const {
    return {};
  }
};

template <class Event>
std::string words_of(const Event& event, const Words& words) {
  if constexpr (schema::is_variant<Event>) {
    return std::visit([&](const auto& e) { return words_of(e, words); }, event);
  } else {
    return words(event);
  }
}

}  // namespace

std::string in_words(const projections::Record& record, schema::Disclosure disclosure) {
  const auto& e = record.envelope;
  if (const auto event = schema::decode_event(e.type, record.value); event && *event) {
    if (auto words = words_of(**event, {e, disclosure}); !words.empty()) return text::printable(words);
  }
  const auto data = event_data(record, disclosure);
  return text::printable(e.type + " by " + e.actor + " " + (data ? *data : "(" + data.error() + ")"));
}

}  // namespace parley::audit
