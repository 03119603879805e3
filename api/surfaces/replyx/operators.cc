// /api/operators: an owner's team.
#include "api/endpoint/group.h"
#include "api/surfaces/replyx/access_policies.h"
#include "api/surfaces/replyx/accounts.h"
#include "api/surfaces/replyx/pages.h"
#include "api/surfaces/replyx/replyx.h"
#include "api/surfaces/replyx/texts.h"
#include "projections/contexts/team.h"

namespace parley::replyx {

struct OperatorPath {
  AccountId operator_id;
};
struct AddOperatorRequest {
  Email email;
  Text name;
  NewPassword password;
};
struct ChangeOperatorRequest {
  std::optional<Text> name;
  std::optional<bool> is_active;
  std::optional<NewPassword> password;
};
struct ShownOperator {
  AccountId id;
  Personal email;
  Personal name;
  bool is_active = true;
  Timestamp created_at;
};
struct ListedOperator {
  AccountId id;
  Personal email;
  Personal name;
  bool is_active = true;
  schema::Nullable<Timestamp> last_login_at;
  Timestamp created_at;
};
struct OperatorsQuery {
  std::int64_t limit = kListMax;
  std::optional<std::string> cursor;
};
struct OperatorList {
  std::vector<ListedOperator> operators;
  bool has_more = false;
  schema::Nullable<std::string> next_cursor;
};

}  // namespace parley::replyx

namespace parley::schema {

template <>
inline constexpr auto fields<replyx::AddOperatorRequest> = std::tuple{
    field("email", &replyx::AddOperatorRequest::email, {.length_max = replyx::kEmailMax}),
    field("name", &replyx::AddOperatorRequest::name, {.length_min = 1, .length_max = replyx::kPersonNameMax}),
    field("password", &replyx::AddOperatorRequest::password,
          {.length_min = replyx::kPasswordMin, .length_max = replyx::kPasswordMax}),
};
template <>
inline constexpr auto fields<replyx::ChangeOperatorRequest> = std::tuple{
    field("name", &replyx::ChangeOperatorRequest::name, {.length_min = 1, .length_max = replyx::kPersonNameMax}),
    field("is_active", &replyx::ChangeOperatorRequest::is_active, {},
          "false ends the operator's sessions and refuses new ones"),
    field("password", &replyx::ChangeOperatorRequest::password,
          {.length_min = replyx::kPasswordMin, .length_max = replyx::kPasswordMax},
          "A new password; it ends the operator's sessions"),
};
template <>
inline constexpr auto fields<replyx::ShownOperator> = std::tuple{
    field("id", &replyx::ShownOperator::id),
    field("email", &replyx::ShownOperator::email),
    field("name", &replyx::ShownOperator::name),
    field("is_active", &replyx::ShownOperator::is_active),
    field("created_at", &replyx::ShownOperator::created_at),
};
template <>
inline constexpr auto fields<replyx::ListedOperator> = std::tuple{
    field("id", &replyx::ListedOperator::id),
    field("email", &replyx::ListedOperator::email),
    field("name", &replyx::ListedOperator::name),
    field("is_active", &replyx::ListedOperator::is_active),
    field("last_login_at", &replyx::ListedOperator::last_login_at),
    field("created_at", &replyx::ListedOperator::created_at),
};
template <>
inline constexpr std::string_view example<replyx::AddOperatorRequest> =
    R"({"email":"anna@example.com","name":"Анна","password":"password123"})";
template <>
inline constexpr std::string_view example<replyx::ChangeOperatorRequest> = R"({"is_active":false})";
template <>
inline constexpr auto fields<replyx::OperatorList> = std::tuple{
    field("operators", &replyx::OperatorList::operators, {.length_max = replyx::kListMax}, "The oldest account first"),
    field("has_more", &replyx::OperatorList::has_more),
    field("next_cursor", &replyx::OperatorList::next_cursor, {},
          "Send it as `cursor` to get the next page; null on the last page"),
};

}  // namespace parley::schema

namespace parley::endpoint {

template <>
inline constexpr auto parameters<replyx::OperatorPath> =
    std::tuple{path("operator_id", &replyx::OperatorPath::operator_id)};
template <>
inline constexpr auto parameters<replyx::OperatorsQuery> = std::tuple{
    query("limit", &replyx::OperatorsQuery::limit, {.min = 1, .max = replyx::kListMax}),
    query("cursor", &replyx::OperatorsQuery::cursor, {.length_max = 40, .pattern = replyx::kListCursorPattern},
          "The `next_cursor` of a response: the next response begins after its last operator"),
};

}  // namespace parley::endpoint

namespace parley::replyx {
namespace {

using endpoint::Call;
using endpoint::Decided;
using endpoint::Deps;
using endpoint::Group;
using endpoint::Nothing;
using endpoint::Result;
using endpoint::Sending;

Result<Sending> add_operator(const Call<Nothing, AddOperatorRequest>& call, const Deps& deps) {
  const auto& in = call.body;
  const auto mailbox = find_mailbox(in.email, deps);
  accounts::AddOperator command{Personal{in.email.text}, mailbox.index, Personal{in.name.text},
                                sealed_verifier(in.password, deps)};
  return Sending{by_email(mailbox.account, mailbox.index), accounts::Command{std::move(command)}};
}
ShownOperator shown(const accounts::TeamMember& answer, const Decided&) {
  return {.id = answer.account,
          .email = answer.email,
          .name = answer.name,
          .is_active = answer.is_active,
          .created_at = answer.created_at};
}
/// Joining ends the sessions of before: from then on the operator may log in here.
bool can_log_in(const accounts::TeamMember& answer, const Decided& decided) {
  return knows_of_end(answer.account, decided);
}

Result<Sending> change_operator(const Call<OperatorPath, ChangeOperatorRequest>& call, const Deps& deps) {
  const auto& in = call.body;
  accounts::ChangeOperator command;
  if (in.name) command.name = Personal{in.name->text};
  command.is_active = in.is_active;
  if (in.password) command.password_verifier = sealed_verifier(*in.password, deps);
  return Sending{Stream{Kind::account, call.parameters.operator_id.value}, accounts::Command{std::move(command)}};
}

Result<Sending> remove_operator(const Call<OperatorPath>& call, const Deps&) {
  return Sending{Stream{Kind::account, call.parameters.operator_id.value},
                 accounts::Command{accounts::RemoveOperator{}}};
}

ListedOperator listed(projections::OperatorRow row) {
  return {.id = row.id,
          .email = std::move(row.email),
          .name = std::move(row.name),
          .is_active = row.is_active,
          .last_login_at = row.last_login_at,
          .created_at = row.created_at};
}
Result<OperatorList> list_operators(const Call<OperatorsQuery>& call, postgres::Lease& db, const Deps&) {
  const auto& [limit, cursor] = call.parameters;
  const auto after = read_list_cursor(cursor);
  if (!after) return endpoint::fail(after.error());
  auto page =
      projections::operators_of(db, asking_owner(call.caller.principal).value(), static_cast<int>(limit), *after);
  if (!page) return endpoint::fail(page.error());
  OperatorList out{.operators = {}, .has_more = page->has_more, .next_cursor = next_cursor_of(*page)};
  out.operators.reserve(page->rows.size());
  for (auto& row : page->rows) out.operators.push_back(listed(std::move(row)));
  return out;
}
Result<endpoint::Versioned<ListedOperator>> get_operator(const Call<OperatorPath>& call, postgres::Lease& db,
                                                         const Deps&) {
  return found_single(
      projections::operator_of(db, asking_owner(call.caller.principal).value(), call.parameters.operator_id),
      accounts::kOperatorNotFound, listed);
}

}  // namespace

void add_operators(endpoint::Registry& registry) {
  const Group all({.path = "/api/operators", .access = &kOwner});
  const Group one(all({.path = "/{operator_id}", .errors = {accounts::kOperatorNotFound}}));
  registry.command(
      all({.method = "POST",
           .status = 201,
           .operation = "addOperator",
           .summary = "Add an operator, with a new account, to the caller's team",
           .description = "The operator logs in like every account and may read and answer the owner's dialogs. An "
                          "operator who was removed from a team can be added again, to the same team or another one",
           .errors = {accounts::kEmailTaken},
           .hashes = true,
           .single = true}),
      add_operator, shown, can_log_in);
  registry.query(
      all({.method = "GET", .operation = "listOperators", .summary = "List the caller's team", .page = kListPage}),
      list_operators);
  registry.query(one({.method = "GET", .operation = "getOperator", .summary = "Get an operator of the caller's team"}),
                 get_operator);
  registry.command(one({.method = "PATCH",
                        .operation = "changeOperator",
                        .summary = "Update an operator (only the fields sent)",
                        .hashes = true,
                        .single = true}),
                   change_operator, shown);
  registry.command(one({.method = "DELETE",
                        .status = 204,
                        .operation = "removeOperator",
                        .summary = "Remove an operator from the team and end the operator's sessions"}),
                   remove_operator, nothing, sessions_ended);
}

}  // namespace parley::replyx
