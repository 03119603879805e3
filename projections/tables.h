#pragma once
// The changes that a batch makes to each table, folded per key, and their one statement each. Internal to projections/.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "domain/accounts/accounts.h"
#include "domain/assistants/assistants.h"
#include "domain/kernel.h"
#include "platform/postgres/pool.h"
#include "projections/position.h"

namespace parley::projections {

/// What a batch does to the one row of a stream: it creates it, or moves it from exactly version `from` to `to`.
struct RowChange {
  bool created = false;
  bool contradicts_itself = false;  ///< An event does not follow the one before it, or creates the row again: the change cannot be written.
  bool is_of_parking_alone = true;  ///< Such events may stand in a stream that has no row yet: there is nothing to move then.
  std::int64_t from = 0;
  std::int64_t to = 0;
  Timestamp created_at{};
};

struct AccountChange : RowChange {
  std::optional<Personal> email;
  Patch<Personal> first_name;
  Patch<Personal> last_name;
  Kopecks balance_added{};
  Kopecks welcome_bonus_added{};
  std::optional<Timestamp> last_login_at;
  std::optional<accounts::Role> role;
  std::optional<bool> onboarding_completed;
  Patch<AccountId> team_owner;
  std::optional<Personal> team_name;
  std::optional<bool> is_active;
};
/// Of an account, whose row says where its stream stands.
struct ApiKeyChange {
  std::optional<accounts::ApiKeyCreated> created;
  AccountId account;
  Timestamp created_at;
  std::optional<Timestamp> last_used_at;
  bool revoked = false;
};
/// What an account is when nothing says otherwise.
inline constexpr accounts::Role kRegisteredRole = accounts::Role::owner;
inline constexpr accounts::Plan kRegisteredPlan = accounts::Plan::trial;

struct AssistantChange : RowChange {
  AccountId owner;
  assistants::Updated set;  ///< What was said last of each part; of a creation, all of them.
  std::optional<std::string> site_token;
  std::optional<Timestamp> deleted_at;
};

/// What a dialog is when it is opened.
inline constexpr std::string_view kOpenedStatus = "active", kOpenedHandoffStatus = "none";

struct DialogChange : RowChange {
  AccountId owner;
  AssistantId assistant;
  std::string platform;
  std::optional<std::string> status;
  std::optional<Personal> first_name;
  std::int64_t messages_added = 0;
  std::optional<Personal> last_message;
  std::optional<Timestamp> last_message_time;
};

struct Message {
  DialogId dialog;
  std::int64_t version = 0;
  MessageId id;
  std::string sender;
  Personal text;
  std::optional<Personal> operator_name;
  Timestamp created_at;
};

struct IndexEntry {
  std::string kind;
  std::int64_t stream_id = 0;
  std::int64_t version = 0;
  std::string event_id, type, cause, correlation, actor;
  Timestamp at;
  std::string hash;  ///< hexadecimal
  std::int32_t partition = 0;
  std::int64_t position = 0;
};

template <class Change>
using Changes = std::unordered_map<std::int64_t, Change>;

/// An event that cannot be applied where the tables stand is `rejected` and about a row.
postgres::Result<void> write(postgres::Transaction& t, const Changes<AccountChange>& changes);
postgres::Result<void> write(postgres::Transaction& t, const Changes<ApiKeyChange>& changes);
postgres::Result<void> write(postgres::Transaction& t, const Changes<AssistantChange>& changes);
postgres::Result<void> write(postgres::Transaction& t, const Changes<DialogChange>& changes);
postgres::Result<void> write(postgres::Transaction& t, const std::vector<Message>& messages);
postgres::Result<void> write(postgres::Transaction& t, const std::vector<IndexEntry>& entries);

}  // namespace parley::projections
