#include "projections/tables.h"

#include <algorithm>
#include <string_view>

#include "schemas/events.h"

namespace parley::projections {

namespace {

using postgres::Column;
using postgres::Error;
using postgres::ErrorKind;
using postgres::Params;
using postgres::Result;
using postgres::Transaction;

Error unfit(std::string why) { return {.kind = ErrorKind::rejected, .detail = std::move(why), .is_about_a_row = true}; }

// An update must find each row at exactly the version before the batch's first event of that stream: versions have no gap, so any other
// version means that the row and the log have parted.
Result<void> expect_all(const Result<postgres::Rows>& written, std::size_t expected, std::string_view table) {
  if (!written) return std::unexpected(written.error());
  if (written->affected() == static_cast<std::int64_t>(expected)) return {};
  return std::unexpected(unfit(std::string(table) + ": " + std::to_string(static_cast<std::int64_t>(expected) - written->affected()) + " of " +
                               std::to_string(expected) + " rows are not at the version that the next event follows"));
}

template <class Change>
Result<void> expect_consistent(const Changes<Change>& changes, std::string_view table) {
  const bool all = std::ranges::none_of(changes, [](const auto& change) { return change.second.contradicts_itself; });
  if (all) return {};
  return std::unexpected(unfit(std::string(table) + ": an event does not follow the one before it"));
}

// The streams in which nothing but events of parking has happened, and the statements of their table.
class ParkingAlone {
 public:
  ParkingAlone(std::string_view update, std::string_view count) : update_(update), count_(count) {}

  void add(std::int64_t id, const RowChange& change) { id_.add(id), from_.add(change.from), to_.add(change.to); }
  // Each row that is there must be at its version; a stream without a row is none yet.
  Result<void> write(Transaction& t, std::string_view table) const {
    if (id_.size() == 0) return {};
    const auto rows = t.query(count_, Params(id_));
    if (!rows) return std::unexpected(rows.error());
    std::int64_t there = 0;
    (*rows)[0].into(there);
    return expect_all(t.query(update_, Params(id_, from_, to_)), static_cast<std::size_t>(there), table);
  }

 private:
  std::string_view update_, count_;
  Column id_, from_, to_;
};

}  // namespace

Result<void> write(Transaction& t, const Changes<AccountChange>& changes) {
  Column id, version, email, first_name, last_name, balance, bonus, login, created_at, role, onboarding, team, team_name, active;
  Column u_id, u_from, u_to, u_balance, u_bonus, u_login, u_first_given, u_first, u_last_given, u_last, u_role, u_onboarding, u_team_given, u_team;
  Column u_team_name, u_active, u_email;
  ParkingAlone parking(
      "UPDATE accounts r SET version = u.\"to\" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u (id, \"from\", \"to\")"
      " WHERE r.id = u.id AND r.version = u.\"from\"",
      "SELECT count(*) FROM accounts WHERE id = ANY ($1::bigint[])");
  if (const auto consistent = expect_consistent(changes, "accounts"); !consistent) return consistent;
  for (const auto& [key, c] : changes) {
    if (c.created) {
      id.add(key), version.add(c.to), email.add(c.email), first_name.add(c.first_name.value), last_name.add(c.last_name.value);
      balance.add(c.balance_added), bonus.add(c.welcome_bonus_added), login.add(c.last_login_at), created_at.add(c.created_at);
      role.add(schema::name_of(c.role.value_or(kRegisteredRole))), onboarding.add(c.onboarding_completed.value_or(false));
      team.add(c.team_owner.value), team_name.add(c.team_name), active.add(c.is_active.value_or(true));
    } else if (c.is_of_parking_alone) {
      parking.add(key, c);
    } else {
      u_id.add(key), u_from.add(c.from), u_to.add(c.to), u_balance.add(c.balance_added), u_bonus.add(c.welcome_bonus_added);
      u_login.add(c.last_login_at), u_first_given.add(c.first_name.given), u_first.add(c.first_name.value), u_last_given.add(c.last_name.given);
      u_last.add(c.last_name.value), u_role.add(c.role ? std::optional(schema::name_of(*c.role)) : std::nullopt);
      u_onboarding.add(c.onboarding_completed), u_team_given.add(c.team_owner.given), u_team.add(c.team_owner.value);
      u_team_name.add(c.team_name), u_active.add(c.is_active), u_email.add(c.email);
    }
  }
  if (const auto moved = parking.write(t, "accounts"); !moved) return moved;
  if (id.size() > 0) {
    const auto written = t.query(
        "INSERT INTO accounts (id, version, email, first_name, last_name, balance_kopecks, welcome_bonus_kopecks, last_login_at, created_at,"
        " role, onboarding_completed, team_owner_id, team_name, is_active, plan)"
        " SELECT u.*, $15::text FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],"
        " $8::timestamptz[], $9::timestamptz[], $10::text[], $11::boolean[], $12::bigint[], $13::text[], $14::boolean[]) u",
        Params(id, version, email, first_name, last_name, balance, bonus, login, created_at, role, onboarding, team, team_name, active,
               schema::name_of(kRegisteredPlan)));
    if (const auto all = expect_all(written, id.size(), "accounts"); !all) return all;
  }
  if (u_id.size() == 0) return {};
  const auto written = t.query(
      "UPDATE accounts a SET version = u.\"to\", balance_kopecks = a.balance_kopecks + u.balance,"
      " welcome_bonus_kopecks = a.welcome_bonus_kopecks + u.bonus, last_login_at = coalesce(u.login, a.last_login_at),"
      " first_name = CASE WHEN u.first_given THEN u.first ELSE a.first_name END,"
      " last_name = CASE WHEN u.last_given THEN u.last ELSE a.last_name END, role = coalesce(u.role, a.role),"
      " onboarding_completed = coalesce(u.onboarding, a.onboarding_completed),"
      " team_owner_id = CASE WHEN u.team_given THEN u.team ELSE a.team_owner_id END, team_name = coalesce(u.team_name, a.team_name),"
      " is_active = coalesce(u.active, a.is_active), email = coalesce(u.email, a.email)"
      " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::boolean[], $8::text[],"
      " $9::boolean[], $10::text[], $11::text[], $12::boolean[], $13::boolean[], $14::bigint[], $15::text[], $16::boolean[],"
      " $17::text[])"
      " AS u (id, \"from\", \"to\", balance, bonus, login, first_given, first, last_given, last, role, onboarding, team_given, team, team_name,"
      " active, email) WHERE a.id = u.id AND a.version = u.\"from\"",
      Params(u_id, u_from, u_to, u_balance, u_bonus, u_login, u_first_given, u_first, u_last_given, u_last, u_role, u_onboarding, u_team_given,
             u_team, u_team_name, u_active, u_email));
  return expect_all(written, u_id.size(), "accounts");
}

Result<void> write(Transaction& t, const Changes<ApiKeyChange>& changes) {
  Column id, account, name, scopes, hint, created_at, last_used_at, u_id, u_last_used_at, revoked;
  for (const auto& [key, c] : changes) {
    if (c.revoked) {
      revoked.add(key);
    } else if (c.created) {
      std::vector<std::string> names;
      for (const auto scope : c.created->scopes) names.emplace_back(schema::name_of(scope));
      id.add(key), account.add(c.account), name.add(c.created->name), scopes.add(names), hint.add(c.created->hint), created_at.add(c.created_at);
      last_used_at.add(c.last_used_at);
    } else {
      u_id.add(key), u_last_used_at.add(c.last_used_at);
    }
  }
  if (id.size() > 0) {
    const auto written = t.query(
        "INSERT INTO api_keys (id, account_id, name, scopes, hint, created_at, last_used_at)"
        " SELECT id, account, name, scopes::text[], hint, created_at, last_used_at FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[],"
        " $5::text[], $6::timestamptz[], $7::timestamptz[]) AS u (id, account, name, scopes, hint, created_at, last_used_at)",
        Params(id, account, name, scopes, hint, created_at, last_used_at));
    if (const auto all = expect_all(written, id.size(), "api_keys"); !all) return all;
  }
  // The account's row has shown already that these events come next: where there is no key, its creation was left out by an operator of the system.
  if (u_id.size() > 0) {
    const auto used = t.query(
        "UPDATE api_keys k SET last_used_at = u.at FROM unnest($1::bigint[], $2::timestamptz[]) AS u (id, at)"
        " WHERE k.id = u.id",
        Params(u_id, u_last_used_at));
    if (!used) return std::unexpected(used.error());
  }
  if (revoked.size() > 0) {
    if (const auto gone = t.query("DELETE FROM api_keys WHERE id = ANY ($1::bigint[])", Params(revoked)); !gone) return std::unexpected(gone.error());
  }
  return {};
}

Result<void> write(Transaction& t, const Changes<AssistantChange>& changes) {
  Column id, version, owner, name, description, prompt, model, active, token, bot_token, website, domains, deleted, created_at;
  Column u_id, u_from, u_to, u_name, sets_description, u_description, sets_prompt, u_prompt, u_model, u_active, u_token, sets_bot_token, u_bot_token,
      u_website, u_domains, u_deleted;
  ParkingAlone parking(
      "UPDATE assistants r SET version = u.\"to\" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u (id, \"from\", \"to\")"
      " WHERE r.id = u.id AND r.version = u.\"from\"",
      "SELECT count(*) FROM assistants WHERE id = ANY ($1::bigint[])");
  if (const auto consistent = expect_consistent(changes, "assistants"); !consistent) return consistent;
  for (const auto& [key, c] : changes) {
    const auto& set = c.set;
    if (c.created) {
      id.add(key), version.add(c.to), owner.add(c.owner), name.add(set.name), description.add(set.description.value);
      prompt.add(set.system_prompt.value), model.add(set.ai_model), active.add(set.is_active), token.add(c.site_token);
      bot_token.add(set.telegram_bot_token.value), website.add(set.website_integration), domains.add(set.allowed_domains), deleted.add(c.deleted_at);
      created_at.add(c.created_at);
    } else if (c.is_of_parking_alone) {
      parking.add(key, c);
    } else {
      u_id.add(key), u_from.add(c.from), u_to.add(c.to), u_name.add(set.name), sets_description.add(set.description.given);
      u_description.add(set.description.value), sets_prompt.add(set.system_prompt.given), u_prompt.add(set.system_prompt.value);
      u_model.add(set.ai_model), u_active.add(set.is_active), u_token.add(c.site_token), sets_bot_token.add(set.telegram_bot_token.given);
      u_bot_token.add(set.telegram_bot_token.value), u_website.add(set.website_integration), u_domains.add(set.allowed_domains);
      u_deleted.add(c.deleted_at);
    }
  }
  if (const auto moved = parking.write(t, "assistants"); !moved) return moved;
  // unnest() would flatten an array of arrays: the domains travel as array literals inside an array of texts.
  if (id.size() > 0) {
    const auto written = t.query(
        "INSERT INTO assistants (id, version, owner_id, name, description, system_prompt, ai_model, is_active, site_token, telegram_bot_token,"
        " website_integration, allowed_domains, deleted_at, created_at)"
        " SELECT id, version, owner, name, description, prompt, model, active, token, bot_token, website, domains::text[], deleted, created_at"
        " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::text[],"
        " $10::text[], $11::boolean[], $12::text[], $13::timestamptz[], $14::timestamptz[])"
        " AS u (id, version, owner, name, description, prompt, model, active, token, bot_token, website, domains, deleted, created_at)",
        Params(id, version, owner, name, description, prompt, model, active, token, bot_token, website, domains, deleted, created_at));
    if (const auto all = expect_all(written, id.size(), "assistants"); !all) return all;
  }
  if (u_id.size() == 0) return {};
  const auto written = t.query(
      "UPDATE assistants a SET version = u.\"to\", name = coalesce(u.name, a.name),"
      " description = CASE WHEN u.sets_description THEN u.description ELSE a.description END,"
      " system_prompt = CASE WHEN u.sets_prompt THEN u.prompt ELSE a.system_prompt END, ai_model = coalesce(u.model, a.ai_model),"
      " is_active = coalesce(u.active, a.is_active), site_token = coalesce(u.token, a.site_token),"
      " telegram_bot_token = CASE WHEN u.sets_bot_token THEN u.bot_token ELSE a.telegram_bot_token END,"
      " website_integration = coalesce(u.website, a.website_integration), allowed_domains = coalesce(u.domains::text[], a.allowed_domains),"
      " deleted_at = coalesce(u.deleted, a.deleted_at)"
      " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::boolean[], $6::text[], $7::boolean[], $8::text[], $9::text[],"
      " $10::boolean[], $11::text[], $12::boolean[], $13::text[], $14::boolean[], $15::text[], $16::timestamptz[])"
      " AS u (id, \"from\", \"to\", name, sets_description, description, sets_prompt, prompt, model, active, token, sets_bot_token, bot_token,"
      " website, domains, deleted) WHERE a.id = u.id AND a.version = u.\"from\"",
      Params(u_id, u_from, u_to, u_name, sets_description, u_description, sets_prompt, u_prompt, u_model, u_active, u_token, sets_bot_token,
             u_bot_token, u_website, u_domains, u_deleted));
  return expect_all(written, u_id.size(), "assistants");
}

Result<void> write(Transaction& t, const Changes<DialogChange>& changes) {
  Column id, version, owner, assistant, platform, status, first_name, messages, last, last_time, activity, created_at;
  Column u_id, u_from, u_to, u_status, u_messages, u_last, u_last_time;
  ParkingAlone parking(
      "UPDATE dialogs r SET version = u.\"to\" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u (id, \"from\", \"to\")"
      " WHERE r.id = u.id AND r.version = u.\"from\"",
      "SELECT count(*) FROM dialogs WHERE id = ANY ($1::bigint[])");
  if (const auto consistent = expect_consistent(changes, "dialogs"); !consistent) return consistent;
  for (const auto& [key, c] : changes) {
    if (c.created) {
      id.add(key), version.add(c.to), owner.add(c.owner), assistant.add(c.assistant), platform.add(c.platform), status.add(c.status);
      first_name.add(c.first_name), messages.add(c.messages_added), last.add(c.last_message), last_time.add(c.last_message_time);
      activity.add(c.last_message_time.value_or(c.created_at)), created_at.add(c.created_at);
    } else if (c.is_of_parking_alone) {
      parking.add(key, c);
    } else {
      u_id.add(key), u_from.add(c.from), u_to.add(c.to), u_messages.add(c.messages_added), u_last.add(c.last_message);
      u_last_time.add(c.last_message_time), u_status.add(c.status);
    }
  }
  if (const auto moved = parking.write(t, "dialogs"); !moved) return moved;
  if (id.size() > 0) {
    const auto written = t.query(
        "INSERT INTO dialogs (id, version, owner_id, assistant_id, platform, status, handoff_status, first_name, message_count, last_message,"
        " last_message_time, last_activity_at, created_at)"
        " SELECT id, version, owner, assistant, platform, status, $13::text, first_name, messages, last, last_time, activity, created_at"
        " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[],"
        " $10::timestamptz[], $11::timestamptz[], $12::timestamptz[])"
        " AS u (id, version, owner, assistant, platform, status, first_name, messages, last, last_time, activity, created_at)",
        Params(id, version, owner, assistant, platform, status, first_name, messages, last, last_time, activity, created_at, kOpenedHandoffStatus));
    if (const auto all = expect_all(written, id.size(), "dialogs"); !all) return all;
  }
  if (u_id.size() == 0) return {};
  const auto written = t.query(
      "UPDATE dialogs d SET version = u.\"to\", message_count = d.message_count + u.messages, last_message = coalesce(u.last, d.last_message),"
      " last_message_time = coalesce(u.last_time, d.last_message_time), last_activity_at = coalesce(u.last_time, d.last_activity_at),"
      " status = coalesce(u.status, d.status)"
      " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::text[])"
      " AS u (id, \"from\", \"to\", messages, last, last_time, status) WHERE d.id = u.id AND d.version = u.\"from\"",
      Params(u_id, u_from, u_to, u_messages, u_last, u_last_time, u_status));
  return expect_all(written, u_id.size(), "dialogs");
}

Result<void> write(Transaction& t, const std::vector<Message>& messages) {
  if (messages.empty()) return {};
  Column dialog, version, id, sender, text, operator_name, created_at;
  for (const auto& m : messages) {
    dialog.add(m.dialog), version.add(m.version), id.add(m.id), sender.add(m.sender), text.add(m.text), operator_name.add(m.operator_name);
    created_at.add(m.created_at);
  }
  // The owner is the dialog's, whose row stands already: it was written before, or just now. Search finds the owner's messages by it.
  const auto written = t.query(
      "INSERT INTO messages (dialog_id, version, id, sender, text, operator_name, created_at, owner_id)"
      " SELECT u.*, d.owner_id FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])"
      " AS u (dialog_id, version, id, sender, text, operator_name, created_at) JOIN dialogs d ON d.id = u.dialog_id",
      Params(dialog, version, id, sender, text, operator_name, created_at));
  return expect_all(written, messages.size(), "messages");
}

Result<void> write(Transaction& t, const std::vector<IndexEntry>& entries) {
  if (entries.empty()) return {};
  Column kind, id, version, event, type, cause, correlation, actor, at, hash, partition, position;
  for (const auto& e : entries) {
    kind.add(e.kind), id.add(e.stream_id), version.add(e.version), event.add(e.event_id), type.add(e.type), cause.add(e.cause);
    correlation.add(e.correlation), actor.add(e.actor), at.add(e.at), hash.add("\\x" + e.hash), partition.add(e.partition);
    position.add(e.position);
  }
  // Every event of the log has a row here: not FROM unnest(), which would put each column aside before it makes a row of them.
  const auto written = t.query(
      "INSERT INTO event_index (kind, stream_id, version, event_id, type, cause, correlation, actor, at, hash, partition, position)"
      " SELECT unnest($1::text[]), unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::text[]), unnest($5::text[]), unnest($6::text[]),"
      " unnest($7::text[]), unnest($8::text[]), unnest($9::timestamptz[]), unnest($10::bytea[]), unnest($11::integer[]), unnest($12::bigint[])",
      Params(kind, id, version, event, type, cause, correlation, actor, at, hash, partition, position));
  return expect_all(written, entries.size(), "event_index");
}

}  // namespace parley::projections
