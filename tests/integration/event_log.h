#pragma once
// Events as a decider would write them, for tests that need a log and no decider.
#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "domain/accounts/accounts.h"
#include "domain/assistants/assistants.h"
#include "domain/dialogs/dialogs.h"
#include "domain/model.h"
#include "schemas/envelope.h"
#include "schemas/events.h"

namespace parley::testing {

/// An event, made of an alternative of its context as well: what a test writes down.
struct AnyEvent : Event {
  AnyEvent(Event event) : Event(std::move(event)) {}
  template <class E>
    requires(!std::derived_from<E, Event>)
  AnyEvent(E event) : Event(of(std::move(event))) {}

 private:
  template <class E>
  static Event of(E event) {
    if constexpr (std::constructible_from<accounts::Event, E>) {
      return accounts::Event(std::move(event));
    } else if constexpr (std::constructible_from<assistants::Event, E>) {
      return assistants::Event(std::move(event));
    } else if constexpr (std::constructible_from<dialogs::Event, E>) {
      return dialogs::Event(std::move(event));
    } else {
      return Event(std::move(event));
    }
  }
};

struct Written {
  schema::Envelope envelope;
  std::string value;
};

/// Gives each event its place in its stream and a time that grows. The hash is a stand-in: nobody here verifies the
/// chain.
class EventLog {
 public:
  Written event(const Stream& stream, const AnyEvent& event) {
    auto encoded = schema::encode_event(event);
    return {envelope(to_string(stream), std::string(encoded.type)), std::move(encoded.json)};
  }
  /// An event that has its predecessor's version and takes no place from those that follow.
  Written repetition(const Stream& stream, const AnyEvent& event) {
    Written written = this->event(stream, event);
    --versions_[written.envelope.subject];
    --written.envelope.sequence;
    return written;
  }
  /// An event of a type that this build does not know.
  Written unknown(const std::string& subject, const std::string& type) { return {envelope(subject, type), "{}"}; }

 private:
  schema::Envelope envelope(const std::string& subject, std::string type) {
    const auto number = std::to_string(++count_);
    const std::string tail = std::string(12 - number.size(), '0') + number;
    return {
        .id = "01990000-0000-7000-8000-" + tail,
        .source = "/parley/test",
        .type = std::move(type),
        .subject = subject,
        .time = Timestamp{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}} + std::chrono::milliseconds(count_),
        .sequence = ++versions_[subject],
        .correlation = "correlation-" + number,
        .causation = "cause-" + number,
        .actor = "account/1",
        .command_offset = count_,
        .hash = std::string(64 - number.size(), '0') + number,
        .traceparent = ""};
  }

  std::int64_t count_ = 0;
  std::map<std::string, std::int64_t> versions_;
};

inline AnyEvent registered(const std::string& email) {
  return accounts::Registered{.email = {email},
                              .email_index = "index",
                              .first_name = Personal{"Анна"},
                              .last_name = {},
                              .password_verifier = {"box"}};
}
inline AnyEvent assistant_created(AccountId owner, const std::string& name) {
  return assistants::Created{.owner = owner,
                             .name = name,
                             .description = {},
                             .system_prompt = "Ты помогаешь.",
                             .ai_model = "gpt-3.5-turbo",
                             .site_token = "token-" + name,
                             .telegram_bot_token = Sealed{"sealed"},
                             .website_integration = true,
                             .allowed_domains = {"example.com", "a,\"b\".test"}};
}
inline AnyEvent opened(AssistantId assistant, AccountId owner) {
  return dialogs::Opened{
      .assistant = assistant, .owner = owner, .platform = dialogs::Platform::website, .first_name = Personal{"Гость"}};
}
inline AnyEvent message(std::int64_t id, const std::string& text, dialogs::Sender sender = dialogs::Sender::user) {
  return dialogs::MessageCreated{
      .message = {id},
      .sender = sender,
      .text = {text},
      .operator_name = sender == dialogs::Sender::operator_ ? std::optional(Personal{"Ольга"}) : std::nullopt};
}

}  // namespace parley::testing
