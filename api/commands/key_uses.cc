#include "api/commands/key_uses.h"

#include <fmt/format.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "domain/accounts/accounts.h"
#include "platform/crypto/crypto.h"

namespace parley::api {

struct KeyUses::Told {
  std::mutex mutex;
  std::unordered_map<std::int64_t, Timestamp> again_at;  // by key: when its next use is worth telling

  void put(ApiKeyId key, Timestamp time) {
    const std::lock_guard lock(mutex);
    again_at.insert_or_assign(key.value, time);
  }
};

KeyUses::KeyUses(Send send, std::size_t told_max)
    : send_(std::move(send)), told_max_(told_max), told_(std::make_shared<Told>()) {}

void KeyUses::note(const ApiClient& who, Timestamp now) {
  const auto period = std::chrono::floor<accounts::UsePeriod>(now);
  {
    const std::lock_guard lock(told_->mutex);
    if (told_->again_at.size() >= told_max_ && !told_->again_at.contains(who.key.value)) told_->again_at.clear();
    auto& again_at = told_->again_at[who.key.value];
    if (now < again_at) return;
    again_at = period + accounts::UsePeriod{1};
  }
  const Stream account{Kind::account, who.owner.value};
  const auto text = fmt::format("use of {} since {}", to_string(Principal{who}), period.time_since_epoch().count());
  schema::CommandEnvelope envelope;
  envelope.command_id = crypto::uuid5(text);
  envelope.fingerprint = crypto::hex(crypto::sha256(text));
  envelope.principal = who;
  envelope.target = account;
  envelope.slot = slot_of(account.id);
  envelope.correlation = crypto::uuid7();  // its own: the request that used the key did not ask for this
  send_(envelope, accounts::Command{accounts::NoteApiKeyUse{}},
        [told = told_, key = who.key, now](const CommandResult& result) {
          if (!result.outcome) told->put(key, now + kTellAgainAfter);
        });
}

}  // namespace parley::api
